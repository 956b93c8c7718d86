"""Keep layers until the manifest lists which of them make the image.

In a private temporary SQLite database that spills to disk by itself: in most archives layers come
before the manifest, and they may have any number of entries.
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
    """What a name stands for, as far as stacking needs it."""

    OTHER = 0
    SYMLINK = 1
    DIRECTORY = 2
    IMPLIED = 3  # a directory that no header of its layer describes


class Inode(NamedTuple):
    """An entry without its names. ``mtime`` is in nanoseconds since 1970."""

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


# A directory that no header describes, as engines make it (moby v20.10 pkg/archive/archive.go
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
        self.db.execute("INSERT INTO inodes VALUES (0, ?)", (_pack(IMPLIED),))

    def close(self) -> None:
        """Free the database."""
        self.db.close()

    def add(self, inode: Inode) -> int:
        """Keep ``inode``; returns its number."""
        self._inodes += 1
        self.db.execute("INSERT INTO inodes VALUES (?, ?)", (self._inodes, _pack(inode)))
        return self._inodes

    def rewrite(self, number: int, inode: Inode) -> None:
        """Replace the inode ``number``."""
        self.db.execute("UPDATE inodes SET v = ? WHERE ino = ?", (_pack(inode), number))

    def read(self, number: int) -> Inode:
        """The inode ``number``."""
        (value,) = self.db.execute("SELECT v FROM inodes WHERE ino = ?", (number,)).fetchone()
        return unpack_inode(value)

    def drop(self, layer: int) -> None:
        """Forget a layer that turned out to be damaged."""
        self.db.execute(
            "DELETE FROM inodes WHERE ino > 0 AND ino IN (SELECT ino FROM names WHERE layer = ?)",
            (layer,),
        )
        for table in ("names", "hidden", "outside"):
            self.db.execute(f"DELETE FROM {table} WHERE layer = ?", (layer,))  # noqa: S608 - ours


def _pack(inode: Inode) -> bytes:
    return marshal.dumps(tuple(inode))


def unpack_inode(value: bytes) -> Inode:
    """The inode in a row of the table ``inodes``."""
    # marshal: this process wrote these bytes, into a database that nobody else can open.
    return Inode(*marshal.loads(value))  # noqa: S302
