"""One rule of a policy, and what it allows.

A rule's patterns are those of .gitignore (gitignore(5)), as the library ``pathspec`` has them. What
an intruder would leave is allowed only by a rule that names just that: its whole path, without a
wildcard, and the property (``origin: unexplained``, ``mode: "4755"``, ``kind: char-device``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from scratchlab.model import Entry, Kind, Origin

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_SET_ID = 0o6000  # set-uid and set-gid
_CAPABILITY = "security.capability"  # the attribute that file capabilities are: capabilities(7)
_DEVICES = frozenset({Kind.CHAR, Kind.BLOCK})
_WILDCARD = re.compile(r"(?<!\\)[*?\[]")
_ESCAPED = re.compile(r"\\(.)")


class ChangeKind(StrEnum):
    """What happened to a path since the start."""

    ADDED = "added"
    ALTERED = "altered"  # the image has it, too; the change may be another entry in its place
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One change since the start, or one entry that is unexplained.

    ``entry`` is what the container has, what the image has where it was deleted, and None for a
    mount that has no entry. ``mountpoint``: it is a mount that was made since the start.
    ``unstable``: it changed while it was read.
    """

    path: str
    kind: ChangeKind
    origin: Origin
    entry: Entry | None
    mountpoint: bool = False
    unstable: bool = False

    @property
    def matched_path(self) -> str:
        """The path as patterns see it: without the first slash, a directory with one at the end."""
        is_directory = self.entry is not None and self.entry.kind is Kind.DIRECTORY
        return self.path.strip("/") + ("/" if is_directory else "")


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule allows; None: anything. ``line`` counts from 1. ``mode`` holds the permission
    bits, ``owner`` is a user id and, where one is given, a group id; ``max_size`` is in bytes.
    """

    line: int
    patterns: tuple[str, ...]
    spec: GitIgnoreSpec
    changes: frozenset[ChangeKind] = frozenset({ChangeKind.ADDED})
    origins: frozenset[Origin] | None = None  # None: written-later
    kinds: frozenset[Kind] | None = None
    mode: int | None = None
    owner: tuple[int, int | None] | None = None
    max_size: int | None = None
    capabilities: bool = False

    def matches(self, change: Change) -> bool:
        """Whether the patterns match the path of ``change``."""
        return self.spec.match_file(change.matched_path)

    def refusal(self, change: Change) -> str | None:
        """Why the rule, whose patterns match, does not allow ``change``; None where it does."""
        return next(self._refusals(change), None)

    def _refusals(self, change: Change) -> Iterator[str]:
        entry = change.entry
        if change.kind not in self.changes:
            yield f"it was {change.kind}, and the rule is for what was {_words(self.changes)}"
        if self.origins is not None and change.origin not in self.origins:
            yield f"its origin is {change.origin}, not {_words(self.origins)}"
        if self.origins is None and change.origin is not Origin.WRITTEN_LATER:
            known = change.unstable and change.origin is not Origin.UNEXPLAINED
            if not known:
                yield f"its origin is {change.origin}, which the rule does not name"
        if entry is None:
            if self.kinds or self.mode is not None or self.owner or self.max_size is not None:
                yield "nothing is known of it but that it is mounted"
        else:
            yield from self._of_entry(entry)
        for what, key in _to_be_named(change):
            if not self._names(change, key):
                yield f"{what}, which a rule allows only by its whole path and by its {key}"

    def _of_entry(self, entry: Entry) -> Iterator[str]:
        if self.kinds is not None and entry.kind not in self.kinds:
            yield f"it is a {entry.kind}, not a {_words(self.kinds)}"
        if self.mode is not None and entry.mode != self.mode:
            yield f"its mode is {entry.mode:04o}, not {self.mode:04o}"
        if self.owner is not None:
            uid, gid = self.owner
            if entry.uid != uid or gid not in (None, entry.gid):
                wanted = f"{uid}" if gid is None else f"{uid}:{gid}"
                yield f"its owner is {entry.uid}:{entry.gid}, not {wanted}"
        if self.max_size is not None and entry.size > self.max_size:
            yield f"its size is {entry.size} bytes, more than {self.max_size}"

    def _names(self, change: Change, key: str) -> bool:
        if change.path not in map(literal, self.patterns):
            return False
        return {
            "origin": self.origins is not None,
            "kind": self.kinds is not None,
            "mode": self.mode is not None,
            "capabilities": self.capabilities,
        }[key]


def literal(pattern: str) -> str | None:
    """The one path that ``pattern`` names; None where it has a wildcard or is not anchored."""
    if not pattern.startswith("/") or _WILDCARD.search(pattern):
        return None
    return _ESCAPED.sub(r"\1", pattern).rstrip("/")


def _to_be_named(change: Change) -> Iterator[tuple[str, str]]:
    """What of ``change`` a rule must name, and by which key."""
    entry = change.entry
    if change.origin is Origin.UNEXPLAINED:
        yield "it is unexplained", "origin"
    if change.mountpoint:
        yield "it is a mount", "origin"
    if entry is None or change.kind is ChangeKind.DELETED:
        return
    if entry.kind in _DEVICES:
        yield "it is a device", "kind"
    if entry.kind is Kind.FILE and entry.mode & _SET_ID:
        yield "it is a set-uid or set-gid file", "mode"
    if any(name == _CAPABILITY for name, _ in entry.xattrs):
        yield "it has file capabilities", "capabilities"


def needs_naming(change: Change) -> str | None:
    """Why only a rule that names just ``change`` allows it; None where any rule can."""
    return next((what for what, _ in _to_be_named(change)), None)


def _words(values: frozenset[ChangeKind] | frozenset[Origin] | frozenset[Kind]) -> str:
    return " or ".join(sorted(values))
