"""Version numbers as engines and runtimes print them."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers: ``20.10.24+dfsg1`` is (20, 10, 24); () where there are none."""
    found = _NUMBERS.search(version)
    return tuple(map(int, found.group().split("."))) if found else ()


def known(version: str, bounds: tuple[tuple[int, ...], tuple[int, ...]]) -> bool:
    """Whether ``version`` lies in the range (from, below) that a table was read in."""
    return bounds[0] <= numbers(version) < bounds[1]
