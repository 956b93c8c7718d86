"""Names of tar members as keys of a ledger (bytes, each component after a NUL; the root is empty).

A name can lead nowhere but below the root: ``..`` stops there, as it does for an engine, which
unpacks in a chroot (moby v20.10 pkg/chrootarchive; measured with ``docker load``).
"""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.collect.archives.damage import DamageError, shown
from scratchlab.collect.archives.limits import NAME_MAX, PATH_MAX

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
