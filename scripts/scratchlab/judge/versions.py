"""Version numbers as engines and runtimes print them."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers: ``20.10.24+dfsg1`` is (20, 10, 24); () where there are none."""
    match = _NUMBERS.search(version)
    return tuple(map(int, match.group().split("."))) if match else ()


def known(version: str, versions: tuple[tuple[int, ...], tuple[int, ...]]) -> bool:
    """Whether ``version`` is in the range ``versions`` (from, below) that a table was read in."""
    return versions[0] <= numbers(version) < versions[1]
