"""Where layers wait until the manifest says which of them make the image.

A private temporary SQLite database that spills to disk by itself: layers come before the manifest
in most archives, and may hold any number of entries.
"""

from __future__ import annotations

import marshal
import sqlite3
from enum import IntEnum
from typing import NamedTuple

_CACHE_KIB = 8192
_SCHEMA = """
CREATE TABLE names (layer INTEGER, k BLOB, ino INTEGER, type INTEGER, PRIMARY KEY (layer, k))
    WITHOUT ROWID;
CREATE TABLE inodes (ino INTEGER PRIMARY KEY, v BLOB NOT NULL);
CREATE TABLE hidden (layer INTEGER, k BLOB, opaque INTEGER, PRIMARY KEY (layer, k))
    WITHOUT ROWID;
CREATE TABLE linked (ino INTEGER PRIMARY KEY);
CREATE TABLE outside (layer INTEGER, k BLOB, target BLOB, PRIMARY KEY (layer, k)) WITHOUT ROWID;
"""


class NameType(IntEnum):
    """What a name stands for, as far as stacking must know."""

    OTHER = 0
    SYMLINK = 1
    DIRECTORY = 2
    IMPLIED = 3  # a directory that no header of its layer describes


class Inode(NamedTuple):
    """Everything of an entry but its names."""

    kind: str
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    sha256: str | None = None
    target: bytes | None = None
    device: tuple[int, int] | None = None
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    mtime: int | None = None
    note: str | None = None


# What engines make of a directory that no header describes (moby v20.10 pkg/archive/archive.go
# Unpack; measured). Inode 0 stands for all of them.
IMPLIED = Inode("directory", 0o755)


class LayerSpool:
    """Names and inodes of layers. Close it to free the database."""

    def __init__(self) -> None:
        self.db = sqlite3.connect("", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=OFF")
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        self.db.executescript(_SCHEMA)
        self.db.execute("BEGIN")
        self._inodes = 0
        self.db.execute("INSERT INTO inodes VALUES (0, ?)", (pack(IMPLIED),))

    def close(self) -> None:
        """Free the database."""
        self.db.close()

    def inode(self, inode: Inode) -> int:
        """Keep ``inode``; gives its number."""
        self._inodes += 1
        self.db.execute("INSERT INTO inodes VALUES (?, ?)", (self._inodes, pack(inode)))
        return self._inodes

    def rewrite(self, number: int, inode: Inode) -> None:
        """Replace what is kept as ``number``."""
        self.db.execute("UPDATE inodes SET v = ? WHERE ino = ?", (pack(inode), number))

    def read(self, number: int) -> Inode:
        """What is kept as ``number``."""
        (value,) = self.db.execute("SELECT v FROM inodes WHERE ino = ?", (number,)).fetchone()
        return unpack(value)

    def drop(self, layer: int) -> None:
        """Forget a layer that turned out to be none."""
        self.db.execute(
            "DELETE FROM inodes WHERE ino > 0 AND ino IN (SELECT ino FROM names WHERE layer = ?)",
            (layer,),
        )
        for table in ("names", "hidden", "outside"):
            self.db.execute(f"DELETE FROM {table} WHERE layer = ?", (layer,))  # noqa: S608 - ours


def pack(inode: Inode) -> bytes:
    """``inode`` as bytes."""
    return marshal.dumps(tuple(inode))


def unpack(value: bytes) -> Inode:
    """The inode that :func:`pack` packed."""
    # marshal: these bytes were written by this process into a database that no one else can open.
    return Inode(*marshal.loads(value))  # noqa: S302


def below(k: bytes) -> tuple[bytes, bytes]:
    """The range of keys strictly below ``k``."""
    return k + b"\0", k + b"\1"
