"""Two ledgers, entry by entry: a merge of both in tree order, in bounded memory.

Compared are the type, mode, owner, size, content, link target, device numbers, extended
attributes and hard-link sets; times of what is no directory as moby's pkg/archive/changes_unix.go
does. What is not compared stands in NOT_COMPARED, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from scratchlab.idmap import IdMap
from scratchlab.ledger import Ledger, key
from scratchlab.model import Entry, Kind, Status

_PLAIN = ("kind", "mode", "size", "sha256", "target", "device", "links")
_plain = attrgetter(*_PLAIN)
# Set by the security module when a container starts, in no layer.
_LABELS = frozenset({"security.selinux"})
_SECOND = 1_000_000_000
# What is left out, and why; every report says so.
NOT_COMPARED: tuple[tuple[str, str], ...] = (
    ("times of directories", "unpacking, mount points and whiteouts touch them"),
    ("times of links, devices and pipes", "use changes some, many archivers drop others"),
    ("fractions of a second", "where one side has none: not every archive stores them"),
    (
        "link counts and inode numbers",
        "overlayfs has its own; hard links are compared",
    ),
    ("the label security.selinux", "it is set when a container starts, and is in no layer"),
    ("the root directory itself", "it is in no layer; the storage driver makes it"),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One path in both ledgers. ``differences`` are names of Entry fields."""

    path: str
    status: Status  # SAME, ALTERED, ONLY_LIVE, MISSING
    image: Entry | None
    live: Entry | None
    differences: tuple[str, ...] = ()


def compare(image: Ledger, live: Ledger, ids: IdMap) -> Iterator[Pair]:
    """Every path of either ledger, in tree order. ``ids`` translates the image's owners."""
    left, right = iter(image), iter(live)
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if ours is not None and theirs is not None and ours.path == theirs.path:
            found = differences(ours, theirs, ids) if ours.path != "/" else ()
            yield Pair(ours.path, Status.ALTERED if found else Status.SAME, ours, theirs, found)
            ours, theirs = next(left, None), next(right, None)
        elif theirs is None or (ours is not None and key(ours.path) < key(theirs.path)):
            assert ours is not None  # noqa: S101 - for the type checker: one of both is there
            yield Pair(ours.path, Status.MISSING, ours, None)
            ours = next(left, None)
        else:
            yield Pair(theirs.path, Status.ONLY_LIVE, None, theirs)
            theirs = next(right, None)


def differences(image: Entry, live: Entry, ids: IdMap) -> tuple[str, ...]:
    """The fields in which ``live`` is not what ``image`` says."""
    found: list[str] = []
    if _plain(image) != _plain(live):
        found += [name for name in _PLAIN if getattr(image, name) != getattr(live, name)]
    if ids.uid(image.uid) != live.uid:
        found.append("uid")
    if ids.gid(image.gid) != live.gid:
        found.append("gid")
    if image.xattrs != live.xattrs and _shown(image) != _shown(live):
        found.append("xattrs")
    if image.kind is Kind.FILE and not _same_time(image.mtime, live.mtime):
        found.append("mtime")
    if live.note is not None:
        found.append("note")  # what could not be read is never the same
    return tuple(found)


def _shown(entry: Entry) -> tuple[tuple[str, bytes], ...]:
    return tuple(pair for pair in entry.xattrs if pair[0] not in _LABELS)


def _same_time(one: int | None, other: int | None) -> bool:
    if one is None or other is None or one == other:
        return True
    # Archives without sub-second times: moby sameFsTime(). Truncation is downwards.
    return one // _SECOND == other // _SECOND and (one % _SECOND == 0 or other % _SECOND == 0)
