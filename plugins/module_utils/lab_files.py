"""Decides which files in the lab's directories are the lab's, by the patterns of its receipt.

Needs only the standard library.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Files:
    """What is in the lab's directories: the lab's, children before parents, and the user's.

    Of the lab's, ``directories`` are those that are empty when what is before them is gone.
    """

    ours: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    directories: set[str] = field(default_factory=set)

    def give_up(self, roots: Iterable[str]) -> None:
        """Count the user's as the lab's, with the directories in ``roots`` that hold them."""
        places = set(roots)
        above = {
            str(parent)
            for path in self.theirs
            for parent in Path(path).parents
            if places & {str(parent), *map(str, parent.parents)}
        }
        self.ours += [*self.theirs, *sorted(above, reverse=True)]
        self.directories |= above
        self.theirs = []


class Patterns:
    """Patterns of paths: ``*`` and ``?`` stand for a part of one name, ``**`` at the end for
    everything below. ``PATTERN -> TARGET`` is a symbolic link with that target.

    The directories that lead to a pattern are the lab's too, but not what else is in them.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = sorted(set(patterns))
        self._files: list[tuple[re.Pattern[str], str]] = []
        self._trees: list[re.Pattern[str]] = []
        self._directories: set[re.Pattern[str]] = set()
        for pattern in self.patterns:
            path, _, target = pattern.partition(" -> ")
            parts = path.strip("/").split("/")
            if parts[-1] == "**":
                parts.pop()
                self._trees.append(_expression(parts))
            else:
                self._files.append((_expression(parts), target))
            for depth in range(1, len(parts)):
                self._directories.add(_expression(parts[:depth]))

    def tree(self, path: str) -> bool:
        """Return whether the path and everything below it is the lab's."""
        return any(pattern.fullmatch(path) for pattern in self._trees)

    def file(self, path: str) -> bool:
        """Return whether the file or link at the path is the lab's."""
        wanted = [target for pattern, target in self._files if pattern.fullmatch(path)]
        if not wanted:
            return False
        return "" in wanted or (os.path.islink(path) and os.readlink(path) in wanted)

    def directory(self, path: str) -> bool:
        """Return whether the directory leads to files of the lab."""
        return any(pattern.fullmatch(path) for pattern in self._directories)


def _expression(parts: Sequence[str]) -> re.Pattern[str]:
    special = {"*": "[^/]*", "?": "[^/]"}
    path = "/" + "/".join(parts)
    return re.compile("".join(special.get(one) or re.escape(one) for one in path))


def divide(roots: Iterable[str], patterns: Patterns, before: Iterable[str] = ()) -> Files:
    """Return whose the files below ``roots`` are; those in ``before`` were there before the lab.

    Of the user's directories only the uppermost is named. A root that is a file, or that has
    nothing but the lab's in it, is the lab's itself.
    """
    found = Files()
    earlier = set(before)
    for root in roots:
        if os.path.lexists(root):
            _divide(root, patterns, earlier, found, top=True)
    return found


def _divide(path: str, patterns: Patterns, before: set[str], found: Files, top: bool) -> bool:
    """Divide one path; return whether nothing of the user's is at or below it."""
    if path in before:
        return False  # as before the lab: neither removed nor named
    real = os.path.isdir(path) and not os.path.islink(path)
    if patterns.tree(path) or (not real and patterns.file(path)):
        found.ours.append(path)
        return True
    if not real or not (top or patterns.directory(path)):
        found.theirs.append(path)
        return False
    inner = [
        _divide(os.path.join(path, name), patterns, before, found, top=False)
        for name in sorted(os.listdir(path))
    ]
    if not all(inner):
        return False
    found.ours.append(path)
    found.directories.add(path)
    return True


def earlier(roots: Iterable[str]) -> list[str]:
    """Return what is in the lab's directories before the lab writes there, the uppermost of each.

    Receipts and packages are left out: ``./lab`` may have begun with them.
    """
    return [
        str(path)
        for root in map(Path, roots)
        if root.is_dir()
        for path in sorted(root.iterdir())
        if path.name not in ("receipts", "apt")
    ] + [str(root) for root in map(Path, roots) if root.is_file()]
