"""Two ledgers, entry by entry: a merge of both in tree order, in bounded memory.

Compared are type, mode, owner, size, content, link target, device numbers, extended attributes
and hard-link sets; of regular files also the modification time, as moby's
pkg/archive/changes_unix.go does. NOT_COMPARED lists what is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from operator import attrgetter
from typing import NamedTuple

from scratchlab.idmap import IdMap
from scratchlab.ledger import Ledger, sort_key
from scratchlab.model import Entry, Kind, Status

_EQUAL_FIELDS = ("kind", "mode", "size", "sha256", "target", "device", "links")
_equal_fields = attrgetter(*_EQUAL_FIELDS)
# The security module sets these when a container starts; no layer has them.
_LABELS = frozenset({"security.selinux"})
_SECOND = 1_000_000_000
# What is left out, and why; every report lists it.
NOT_COMPARED: tuple[tuple[str, str], ...] = (
    ("times of directories", "unpacking, mount points and whiteouts touch them"),
    ("times of links, devices and pipes", "use changes some, many archivers drop others"),
    ("fractions of a second", "where one side has none: not every archive stores them"),
    (
        "link counts and inode numbers",
        "overlayfs has its own; hard links are compared",
    ),
    ("the label security.selinux", "it is set when a container starts, and is in no layer"),
    ("flags of the filesystem (chattr)", "no image archive stores them"),
    ("the root directory itself", "it is in no layer; the storage driver makes it"),
)


class Pair(NamedTuple):
    """One path in both ledgers. ``differences`` are names of Entry fields."""

    path: str
    status: Status  # SAME, ALTERED, ONLY_LIVE, MISSING
    image: Entry | None
    live: Entry | None
    differences: tuple[str, ...] = ()


def compare(
    image: Ledger, live: Ledger, ids: IdMap, paths: Collection[str] | None = None
) -> Iterator[Pair]:
    """Every path of either ledger, in tree order; only ``paths``, where they are given. ``ids``
    translates the image's owners.
    """
    if paths is not None:
        for path in sorted(paths, key=sort_key):
            of_image, of_live = image.get(path), live.get(path)
            if of_image is not None or of_live is not None:
                yield _pair(path, of_image, of_live, ids)
        return
    images, lives = iter(image), iter(live)
    left, right = next(images, None), next(lives, None)
    while left is not None or right is not None:
        if left is not None and right is not None and left.path == right.path:
            yield _pair(left.path, left, right, ids)
            left, right = next(images, None), next(lives, None)
        elif right is None or (left is not None and sort_key(left.path) < sort_key(right.path)):
            assert left is not None  # noqa: S101 - for the type checker: one of both is there
            yield _pair(left.path, left, None, ids)
            left = next(images, None)
        else:
            yield _pair(right.path, None, right, ids)
            right = next(lives, None)


def _pair(path: str, image: Entry | None, live: Entry | None, ids: IdMap) -> Pair:
    """``path`` compared; at least one of ``image`` and ``live`` is there."""
    if live is None:
        return Pair(path, Status.MISSING, image, None)
    if image is None:
        return Pair(path, Status.ONLY_LIVE, None, live)
    changed = differences(image, live, ids) if path != "/" else ()
    return Pair(path, Status.ALTERED if changed else Status.SAME, image, live, changed)


def differences(image: Entry, live: Entry, ids: IdMap) -> tuple[str, ...]:
    """The names of the fields in which ``live`` differs from ``image``."""
    names: list[str] = []
    if _equal_fields(image) != _equal_fields(live):
        names = [name for name in _EQUAL_FIELDS if getattr(image, name) != getattr(live, name)]
    if ids.uid(image.uid) != live.uid:
        names.append("uid")
    if ids.gid(image.gid) != live.gid:
        names.append("gid")
    if image.xattrs != live.xattrs and attributes(image) != attributes(live):
        names.append("xattrs")
    if image.kind is Kind.FILE and not _same_time(image.mtime, live.mtime):
        names.append("mtime")
    if live.note is not None:
        names.append("note")  # an entry that could not be read is never the same
    return tuple(names)


def attributes(entry: Entry) -> tuple[tuple[str, bytes], ...]:
    """The extended attributes that are compared, names and values: all but security labels."""
    return tuple(xattr for xattr in entry.xattrs if xattr[0] not in _LABELS)


def _same_time(image: int | None, live: int | None) -> bool:
    if image is None or live is None or image == live:
        return True
    # Archives without sub-second times: moby sameFsTime(). They round down.
    whole = image % _SECOND == 0 or live % _SECOND == 0
    return image // _SECOND == live // _SECOND and whole
