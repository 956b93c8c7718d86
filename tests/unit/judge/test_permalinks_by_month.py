"""Releases of Docker that are named by year and month have two digits for the month, others not."""

from __future__ import annotations

import pytest

from scratchlab.judge.rules import RULES
from scratchlab.judge.rules.permalink import permalink
from scratchlab.model import Engine, Facts


@pytest.mark.parametrize(
    "version",
    ["1.13.1", "17.03.0", "17.06.2", "18.01.0", "18.09.9", "19.03.15", "20.10.0", "23.0.1",
     "24.0.9", "28.5.2"],
)  # fmt: skip
def test_the_tag_is_the_version_as_it_is_written(version: str) -> None:
    found = permalink(RULES["docker-dockerenv"], Facts(engine=Engine("docker", version)))
    assert found.url.startswith(f"https://github.com/moby/moby/blob/v{version}/")
