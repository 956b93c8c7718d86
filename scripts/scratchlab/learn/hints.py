"""A hint for each right answer: where to look, not what is there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources


@cache
def hints() -> Mapping[str, str]:
    """The hints by answer: an origin, or ``absent``."""
    text = resources.files("scratchlab.learn").joinpath("hints.toml").read_text("utf-8")
    found: dict[str, str] = tomllib.loads(text)
    return found
