"""Names of tar members as keys of a ledger (bytes, each component after a NUL; the root is empty).

A name can lead nowhere but below the root: ``..`` stops there, as it does for an engine, which
unpacks in a chroot (moby v20.10 pkg/chrootarchive; measured with ``docker load``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from scratchlab.collect.image.layers.spool import NameType
from scratchlab.collect.image.limits import MOST_LINKS, NAME_MAX, PATH_MAX, EntryBudget
from scratchlab.collect.image.problems import DamageError, shown

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
# Metadata of the storage driver AUFS, at the root only (moby v20.10 pkg/archive/whiteouts.go).
AUFS = b"\0.wh..wh."
AUFS_LINKS = b"\0.wh..wh.plnk\0"


def key(name: bytes) -> bytes:
    """The key of the path that ``name`` means once cleaned (``./a//b/../c`` is ``/a/c``).

    Raises DamageError when it is longer than Linux takes.
    """
    parts = clean(name.split(b"/"))
    return joined(parts, name)


def clean(parts: Iterable[bytes]) -> list[bytes]:
    """``parts`` without empty ones, ``.`` and, by the word alone, ``..``."""
    kept: list[bytes] = []
    for part in parts:
        if part == b"..":
            if kept:
                kept.pop()
        elif part and part != b".":
            kept.append(part)
    return kept


def joined(parts: list[bytes], name: bytes) -> bytes:
    """The key of ``parts``. Raises DamageError when a part, or all, is longer than Linux takes."""
    found = b"".join(b"\0" + part for part in parts)
    check(found, name)
    return found


def check(found: bytes, name: bytes) -> None:
    """Raise DamageError when the key ``found``, made from ``name``, is longer than Linux takes."""
    if len(found) > NAME_MAX and (
        len(found) >= PATH_MAX or any(len(part) > NAME_MAX for part in found.split(b"\0"))
    ):
        raise DamageError(f"{shown(name)} is a longer name than Linux allows")


def escapes(name: bytes) -> bool:
    """Whether ``name`` steps above the root before it is cleaned."""
    depth = 0
    for part in name.split(b"/"):
        if part == b"..":
            depth -= 1
            if depth < 0:
                return True
        elif part and part != b".":
            depth += 1
    return False


def path(found: bytes) -> bytes:
    """The absolute path of a key."""
    return found.replace(b"\0", b"/") or b"/"


# Following symlinks to a directory, within a root.


Lookup = Callable[[bytes], tuple[int, int] | None]  # key -> (inode, type of name)
Target = Callable[[int], bytes]  # inode of a symlink -> its target


def resolve_in_root(
    at: bytes,
    parts: Iterable[bytes],
    lookup: Lookup,
    target: Target,
    *,
    room: EntryBudget,
    make: Callable[[bytes], None] | None = None,
    name: bytes = b"",
) -> bytes | None:
    """The directory that ``parts`` lead to from the directory ``at`` (both as keys).

    Every step takes ``room``, along a symlink more of it: 40 symlinks may have 2,000 names each.
    What is missing is made by ``make``; without it None is returned, as for a way through
    something that is no directory. With it that raises DamageError, as do links in a circle.
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
        check(k, name or part)
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
            raise DamageError(f"{shown(name)} lies below symlinks that lead to no directory")
        else:
            raise DamageError(f"{shown(name)} lies below {shown(path(k))}, which is no directory")
    return at
