"""Many paths in a few words: "most below /usr/share/doc"."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping

from scratchlab.judge.paths import upwards

_MOST_NAMED = 3  # directories
_NEARLY_ALL = 0.8


def folded(directories: Mapping[str, int]) -> str:
    """Where entries lie, from the number of them in each directory, which is not empty.

    ``all below /a``, ``most below /a``, or the largest of several: ``12 below /a, 7 below /b, 5
    elsewhere``; empty where nothing but the root holds two of them.
    """
    total = sum(directories.values())
    left = dict(directories)
    named: list[tuple[str, int]] = []
    while left and len(named) < _MOST_NAMED:
        directory, count = _heaviest(left)
        if directory == "/":
            break
        named.append((directory, count))
        left = {path: many for path, many in left.items() if not _is_in(path, directory)}
    if not named:
        return ""
    directory, count = named[0]
    if count * 2 > total:
        return f"{'all' if count == total else 'most'} below {directory}"
    parts = [f"{count} below {directory}" for directory, count in named]
    rest = total - sum(count for _, count in named)
    return ", ".join(parts + ([f"{rest} elsewhere"] if rest else []))


def _heaviest(directories: Mapping[str, int]) -> tuple[str, int]:
    """The directory that holds most, below the root: as deep as nearly all of that goes with it."""
    below: Counter[str] = Counter()
    for path, count in directories.items():
        for above in upwards(path):
            below[above] += count
    inside: dict[str, list[str]] = {}
    for path in below:
        inside.setdefault(posixpath.dirname(path), []).append(path)
    at, held = "/", sum(directories.values())
    while inner := inside.get(at):
        fullest = max(inner, key=lambda path: (below[path], path))
        if at != "/" and below[fullest] < _NEARLY_ALL * held:
            break
        at, held = fullest, below[fullest]
    return at, held


def _is_in(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")
