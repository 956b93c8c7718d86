"""Following symlinks to a folder, within a root."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from scratchlab.collect.archives.damage import DamageError, shown
from scratchlab.collect.archives.layers import names
from scratchlab.collect.archives.layers.room import Room
from scratchlab.collect.archives.layers.spool import NameType
from scratchlab.collect.archives.limits import MOST_LINKS

Lookup = Callable[[bytes], tuple[int, int] | None]  # key -> (inode, type of name)
Target = Callable[[int], bytes]  # inode of a symlink -> its target


def follow(
    at: bytes,
    parts: Iterable[bytes],
    lookup: Lookup,
    target: Target,
    *,
    room: Room,
    make: Callable[[bytes], None] | None = None,
    name: bytes = b"",
) -> bytes | None:
    """The folder that ``parts`` lead to from the folder ``at`` (both as keys).

    Every step takes ``room``, along a symlink more of it: 40 symlinks may have 2,000 names each.
    What is missing is made by ``make``; without it None is returned, as for a way through
    something that is no folder. With it that raises DamageError, as do links in a circle.
    """
    todo = deque(parts)
    links = 0
    while todo:
        part = todo.popleft()
        room.take(0, 4 if links else 1)
        if part in (b"", b"."):
            continue
        if part == b"..":
            at = at.rpartition(b"\0")[0]
            continue
        k = at + b"\0" + part
        names.check(k, name or part)
        found = lookup(k)
        if found is None:
            if make is None:
                return None
            make(k)
            at = k
        elif found[1] >= NameType.DIRECTORY:
            at = k
        elif found[1] == NameType.SYMLINK and links < MOST_LINKS:
            links += 1
            where = target(found[0])
            todo.extendleft(reversed(where.split(b"/")))
            if where.startswith(b"/"):
                at = b""
        elif make is None:
            return None
        elif links:
            raise DamageError(f"{shown(name)} lies below symlinks that lead to no folder")
        else:
            raise DamageError(
                f"{shown(name)} lies below {shown(names.path(k))}, which is no folder"
            )
    return at
