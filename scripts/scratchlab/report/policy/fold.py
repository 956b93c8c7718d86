"""Fold many changed paths into few patterns, as a person would write them for .gitignore."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from scratchlab.model import Kind
from scratchlab.report.policy.rule import Change, ChangeKind

# Directories below which a program has one of its own, for data that come and go: hier(7).
_AREAS = ("/run", "/srv", "/var/cache", "/var/lib", "/var/log", "/var/opt", "/var/spool")
_MANY = 5  # changes in a program's own directory that make it one pattern
_SEVERAL = 3  # names alike that make one pattern
_ALIKE = 3  # characters that names have in common
# Parts of names that are another each time: dates, long hexadecimal numbers, what mkstemp(3) and
# Python's tempfile append; and numbers.
_RANDOM = re.compile(
    r"(?<!\d)(?:19|20)\d\d-?[01]\d-?[0-3]\d(?:[T_-]?\d{6})?(?!\d)"
    r"|[0-9a-f]{12,}"
    r"|(?<=[-._])(?=[A-Za-z_]*\d)(?=\d*[A-Za-z_])[A-Za-z0-9_]{6,}$"
    r"|(?<=^tmp)[A-Za-z0-9_]{6,8}$"
)
_NUMBER = re.compile(r"\d{3,}")
_SPECIAL = re.compile(r"[\\*?\[\]!#]")


@dataclass(frozen=True, slots=True)
class Fold:
    """One pattern, and the changes that it stands for; at least one."""

    pattern: str
    changes: tuple[Change, ...]

    @property
    def is_literal(self) -> bool:
        """Whether the pattern is the path of its only change."""
        return len(self.changes) == 1 and self.pattern == escaped(self.changes[0].path)


def fold(changes: Iterable[Change]) -> list[Fold]:
    """Patterns that together match every path of ``changes``, in tree order."""
    tops = _tops(changes)
    folds: list[Fold] = []
    for step in (_programs_directories, _same_names):
        found, tops = step(tops)
        folds += found
    folds += _siblings(tops)
    return sorted(folds, key=lambda item: item.pattern.split("/"))


@dataclass(frozen=True, slots=True)
class _Top:
    """A change, and those below it that the pattern of a directory covers."""

    change: Change
    below: tuple[Change, ...]

    @property
    def all(self) -> tuple[Change, ...]:
        return self.change, *self.below

    @property
    def is_directory(self) -> bool:
        return self.change.matched_path.endswith("/")

    @property
    def slash(self) -> str:
        return "/" if self.is_directory else ""


def _tops(changes: Iterable[Change]) -> list[_Top]:
    """The changes that lie below no directory that was itself added or deleted in the same way."""
    ordered = sorted(changes, key=lambda change: (change.kind, change.path.split("/")))
    tops: list[tuple[Change, list[Change]]] = []
    for change in ordered:
        if tops and _covers(tops[-1][0], change):
            tops[-1][1].append(change)
        else:
            tops.append((change, []))
    return [_Top(change, tuple(below)) for change, below in tops]


def _covers(above: Change, change: Change) -> bool:
    is_directory = above.entry is not None and above.entry.kind is Kind.DIRECTORY
    whole = is_directory and above.kind is not ChangeKind.ALTERED and above.path != "/"
    same = (above.kind, above.origin) == (change.kind, change.origin)
    return whole and same and change.path.startswith(f"{above.path}/")


def _programs_directories(tops: Sequence[_Top]) -> tuple[list[Fold], list[_Top]]:
    """Where much changed in a program's own directory, whatever happened there is one pattern."""
    by_area: defaultdict[tuple[str, str], list[_Top]] = defaultdict(list)
    rest = []
    for top in tops:
        area = _area(top.change.path)
        if area is None:
            rest.append(top)
        else:
            by_area[area, str(top.change.origin)].append(top)
    folds = []
    for found in by_area.values():
        if len(found) < _MANY:
            rest += found
            continue
        common = posixpath.commonpath([posixpath.dirname(top.change.path) for top in found])
        changes = tuple(change for top in found for change in top.all)
        folds.append(Fold(f"{escaped(common)}/", changes))
    return folds, rest


def _area(path: str) -> str | None:
    """The program's own directory that ``path`` lies below; None where it lies in none."""
    for area in _AREAS:
        if path.startswith(f"{area}/"):
            name, slash, _ = path[len(area) + 1 :].partition("/")
            return f"{area}/{name}" if slash else None
    return None


def _same_names(tops: Sequence[_Top]) -> tuple[list[Fold], list[_Top]]:
    """Directories of one name in several places, such as __pycache__."""
    by_name: defaultdict[tuple[str, str, str], list[_Top]] = defaultdict(list)
    for top in tops:
        if top.is_directory:
            name = posixpath.basename(top.change.path)
            by_name[name, top.change.kind, top.change.origin].append(top)
    folds, folded = [], set()
    for (name, _, _), found in by_name.items():
        parents = {posixpath.dirname(top.change.path) for top in found}
        if len(parents) >= _SEVERAL:
            common = posixpath.commonpath(sorted(parents)).rstrip("/")
            changes = tuple(change for top in found for change in top.all)
            folds.append(Fold(f"{escaped(common)}/**/{escaped(name)}/", changes))
            folded |= set(map(id, found))
    return folds, [top for top in tops if id(top) not in folded]


def _siblings(tops: Sequence[_Top]) -> Iterator[Fold]:
    """Names alike in one directory; any other path is a pattern of its own."""
    by_parent: defaultdict[tuple[str, str, str, str], list[_Top]] = defaultdict(list)
    for top in tops:
        change = top.change
        parent = posixpath.dirname(change.path).rstrip("/")
        by_parent[parent, change.kind, change.origin, top.slash].append(top)
    for (parent, _, _, slash), found in by_parent.items():
        for name, group in _alike(found).items():
            changes = tuple(change for top in group for change in top.all)
            yield Fold(f"{escaped(parent)}/{name}{slash}", changes)


def _alike(tops: Sequence[_Top]) -> dict[str, list[_Top]]:
    """The tops of one directory by the pattern of their name."""
    by_pattern: defaultdict[str, list[_Top]] = defaultdict(list)
    for top in tops:
        by_pattern[generalized(posixpath.basename(top.change.path))].append(top)
    names = [posixpath.basename(top.change.path) for top in tops]
    if len(by_pattern) >= _SEVERAL:
        prefix, suffix = _common_start(names), _common_start([name[::-1] for name in names])[::-1]
        if max(len(prefix), len(suffix)) >= _ALIKE and all(
            len(name) > len(prefix) + len(suffix) for name in names
        ):
            return {f"{escaped(prefix)}*{escaped(suffix)}": list(tops)}
    return by_pattern


def _common_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)  # whatever these share, all between them share, too
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(char for char, _ in same)


def generalized(name: str) -> str:
    """The pattern of the file name ``name`` without the parts that are another each time."""
    pieces, at = [], 0
    for match in _RANDOM.finditer(name):
        pieces += [_numbered(name[at : match.start()]), "*"]
        at = match.end()
    pieces.append(_numbered(name[at:]))
    pattern = "".join(pieces)
    return escaped(name) if pattern.strip("*") == "" else pattern


def _numbered(text: str) -> str:
    return "[0-9]*".join(map(escaped, _NUMBER.split(text)))


def escaped(path: str) -> str:
    """The pattern that matches ``path``; what cannot be written is ``?``, any one character."""
    plain = "".join(char if char.isprintable() else "?" for char in _SPECIAL.sub(r"\\\g<0>", path))
    if plain.endswith(" "):
        plain = f"{plain[:-1]}\\ "
    return plain
