"""Paths of tar members, as keys that sort like a ledger.

A key is bytes, with a NUL before each component; the root's is empty. A path cannot leave the
root: ``..`` stops there, as in an engine, which unpacks in a chroot (moby v20.10
pkg/chrootarchive; measured with ``docker load``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from scratchlab.collect.image.layers.spool import NameType
from scratchlab.collect.image.limits import MOST_LINKS, NAME_MAX, PATH_MAX, EntryBudget
from scratchlab.collect.image.problems import DamageError, display

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
# Metadata of the storage driver AUFS, at the root only (moby v20.10 pkg/archive/whiteouts.go).
AUFS = b"\0.wh..wh."
AUFS_LINKS = b"\0.wh..wh.plnk\0"

Lookup = Callable[[bytes], tuple[int, int] | None]  # key -> (inode, NameType)
ReadTarget = Callable[[int], bytes]  # inode of a symlink -> its target


def to_key(name: bytes) -> bytes:
    """The key of the path ``name``, cleaned (``./a//b/../c`` is ``/a/c``).

    Raises DamageError when it is longer than Linux takes.
    """
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if parts:
                parts.pop()
        elif part and part != b".":
            parts.append(part)
    key = b"".join(b"\0" + part for part in parts)
    check_length(key, name)
    return key


def to_path(key: bytes) -> bytes:
    """The absolute path of ``key``."""
    return key.replace(b"\0", b"/") or b"/"


def below(key: bytes) -> tuple[bytes, bytes]:
    """The range of keys strictly below ``key``: after the first, before the second."""
    return key + b"\0", key + b"\1"


def check_length(key: bytes, name: bytes) -> None:
    """Raise DamageError when ``key``, made from ``name``, is longer than Linux takes."""
    if len(key) > NAME_MAX and (
        len(key) >= PATH_MAX or any(len(part) > NAME_MAX for part in key.split(b"\0"))
    ):
        raise DamageError(f"{display(name)} is longer than Linux allows")


def leaves_root(name: bytes) -> bool:
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


def resolve_in_root(
    start: bytes,
    parts: Iterable[bytes],
    lookup: Lookup,
    read_target: ReadTarget,
    *,
    budget: EntryBudget,
    make: Callable[[bytes], None] | None = None,
    name: bytes = b"",
) -> bytes | None:
    """The key of the directory that ``parts`` lead to from the directory with the key ``start``.

    Symlinks are followed, ``..`` stops at the root. Every step costs ``budget``, and more of it
    after a symlink: 40 symlinks may have 2,000 components each.

    ``make`` creates a directory that is missing. Without it, returns None when a directory is
    missing or the way leads through something else. With it, that raises DamageError, and so do
    symlinks in a circle; the message calls the entry ``name``.
    """
    at = start
    todo = deque(parts)
    links = 0
    while todo:
        part = todo.popleft()
        budget.take(0, 4 if links else 1)
        if part in (b"", b"."):
            continue
        if part == b"..":
            at = at.rpartition(b"\0")[0]
            continue
        key = at + b"\0" + part
        check_length(key, name or part)
        found = lookup(key)
        if found is None:
            if make is None:
                return None
            make(key)
            at = key
        elif found[1] >= NameType.DIRECTORY:
            at = key
        elif found[1] == NameType.SYMLINK and links < MOST_LINKS:
            links += 1
            target = read_target(found[0])
            todo.extendleft(reversed(target.split(b"/")))
            if target.startswith(b"/"):
                at = b""
        elif make is None:
            return None
        elif links:
            raise DamageError(f"{display(name)} is below symlinks that do not lead to a directory")
        else:
            parent = display(to_path(key))
            raise DamageError(f"{display(name)} is below {parent}, which is not a directory")
    return at
