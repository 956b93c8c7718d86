"""One layer as a tree of its own: names, inodes, and what it hides of the layers below.

An engine unpacks each layer into a directory of its own (overlayfs), so names and symlinks resolve
within the layer: a name below a symlink of the same layer lands where the symlink leads, a name
below a symlink of a *lower* layer makes a directory, which then stands in the symlink's place.
Measured with ``docker load`` on Docker 20.10.24 (overlay2); containerd v1.6 archive/tar.go
(applyNaive, with fs.RootPath of the upper directory) does the same.
"""

from __future__ import annotations

import sqlite3

from scratchlab.collect.image.layers import names
from scratchlab.collect.image.layers.names import resolve_in_root
from scratchlab.collect.image.layers.spool import Inode, LayerSpool, NameType, below
from scratchlab.collect.image.limits import EntryBudget, check_xattrs
from scratchlab.collect.image.problems import DamageError, Notes, shown

_DIRECTORIES = 4096
_INSERT = "INSERT INTO names VALUES (?, ?, ?, ?)"


class LayerTree:
    """Takes the entries of one layer in the order of its archive; each may raise DamageError."""

    def __init__(self, spool: LayerSpool, layer: int, room: EntryBudget, notes: Notes) -> None:
        self._spool = spool
        self._db = spool.db
        self._layer = layer
        self._room = room
        self._notes = notes
        self._directories: dict[bytes, bytes] = {b"": b""}  # a key as written -> where it leads

    def add(self, name: bytes, inode: Inode) -> None:
        """One entry under its name in the archive. The last of several with one name counts."""
        k = self._place(name, inode)
        if k is not None:
            self._room.take(len(k) + sum(len(one) + len(value) for one, value in inode.xattrs))
            self._put(k, self._spool.inode(inode), _name_type(inode))

    def link(self, name: bytes, target: bytes, inode: Inode) -> None:
        """One more name for the entry ``target``.

        ``inode`` is what the link's own header says: the last header counts for all names, as
        engines unpack it. A target that the layer does not hold is looked for below it, later.
        """
        k = self._place(name, None)
        if k is None:
            return
        self._room.take(len(k))
        self._clear(k)
        wanted = names.key(target)
        found = self._aside(wanted) or self._find(wanted)
        if found is None:
            self._notes.add(
                "{} is a hard link to {}, which its layer does not hold: Docker refuses to load it",
                name,
                target,
            )
            self._room.take(len(wanted))
            row = (self._layer, k, wanted)
            self._db.execute("INSERT OR REPLACE INTO outside VALUES (?, ?, ?)", row)
            return
        number, kind = found
        if kind >= NameType.DIRECTORY:
            raise DamageError(f"{shown(name)} is a hard link to a directory")
        self._adopt(number, inode, name)
        self._db.execute("INSERT OR IGNORE INTO linked VALUES (?)", (number,))
        self._db.execute(_INSERT, (self._layer, k, number, kind))

    def _place(self, name: bytes, inode: Inode | None) -> bytes | None:
        """Where the entry goes; None when it is a whiteout or metadata, which is then done."""
        written = names.key(name)
        if b".." in name and names.escapes(name):
            self._notes.add("{} leads out of the root: taken as {}", name, names.path(written))
        if not written:
            if inode is None or inode.kind != "directory":
                raise DamageError("it holds a root that is no directory")
            return written
        parent, _, base = written.rpartition(b"\0")
        if base.startswith(names.WHITEOUT) or written.startswith(names.AUFS):
            self._hide(name, written, inode)
            return None
        k = self._directory(parent, name) + b"\0" + base
        names.check(k, name)
        return k

    def _hide(self, name: bytes, written: bytes, inode: Inode | None) -> None:
        parent, _, base = written.rpartition(b"\0")
        if written.startswith(names.AUFS) and written != b"\0" + names.OPAQUE:
            self._notes.add("it holds metadata of the storage driver AUFS, which is left out")
            if written.startswith(names.AUFS_LINKS) and inode is not None:
                self._room.take(len(written))
                row = (-self._layer, written, self._spool.inode(inode), _name_type(inode))
                self._db.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?)", row)
            return
        directory = self._directory(parent, name)
        opaque = base == names.OPAQUE
        if not opaque:
            hidden = base[len(names.WHITEOUT) :]
            if hidden in (b"", b".", b".."):
                raise DamageError(f"{shown(name)} is a whiteout of nothing")
            directory += b"\0" + hidden
        self._room.take(len(directory))
        insert = "INSERT OR IGNORE INTO hidden VALUES (?, ?, ?)"
        self._db.execute(insert, (self._layer, directory, opaque))

    def _put(self, k: bytes, number: int, kind: NameType) -> None:
        row = (self._layer, k, number, kind)
        try:
            self._db.execute(_INSERT, row)
        except sqlite3.IntegrityError:
            _, standing = self._lookup(k) or (0, NameType.OTHER)
            if kind != NameType.DIRECTORY or standing < NameType.DIRECTORY:
                self._clear(k)
                self._db.execute(_INSERT, row)
                return
            # A directory once more keeps what is in it; one that was implied is described now.
            if standing == NameType.DIRECTORY:
                self._note_duplicate(k)
            update = "UPDATE names SET ino = ?, type = ? WHERE layer = ? AND k = ?"
            self._db.execute(update, (number, kind, self._layer, k))

    def _clear(self, k: bytes) -> None:
        """Make room at ``k``, as engines do: what stood there goes, with everything below it."""
        gone = self._db.execute("DELETE FROM names WHERE layer = ? AND k = ?", (self._layer, k))
        if gone.rowcount:
            self._note_duplicate(k)
            self._db.execute(
                "DELETE FROM names WHERE layer = ? AND k >= ? AND k < ?", (self._layer, *below(k))
            )
            self._directories = {b"": b""}

    def _note_duplicate(self, k: bytes) -> None:
        self._notes.add(
            "{} comes twice in one layer, and the last counts: Docker refuses to load it",
            names.path(k),
        )

    def _adopt(self, number: int, said: Inode, name: bytes) -> None:
        """Let the header of a hard link override what the file's own header said."""
        kept = self._spool.read(number)
        xattrs = dict(kept.xattrs) | dict(said.xattrs)
        check_xattrs(xattrs, name)
        told = kept._replace(
            mode=kept.mode if kept.kind == "symlink" else said.mode,
            uid=said.uid,
            gid=said.gid,
            mtime=said.mtime,
            xattrs=tuple(sorted(xattrs.items())),
        )
        if told != kept:
            self._spool.rewrite(number, told)

    def _directory(self, written: bytes, name: bytes) -> bytes:
        """Where the directory ``written`` is in this layer; made when no header described it."""
        found = self._directories.get(written)
        if found is None:
            found = self._walk(written, name)
        return found

    def _walk(self, written: bytes, name: bytes) -> bytes:
        # Start from the longest part of the way that is known.
        known = written
        while known not in self._directories:
            known = known.rpartition(b"\0")[0]
        at, reached = self._directories[known], known
        for part in written[len(known) :].split(b"\0")[1:]:
            at = self._step(at, part, name)
            reached += b"\0" + part
            if len(self._directories) >= _DIRECTORIES:
                self._directories = {b"": b""}
            self._directories[reached] = at
        return at

    def _step(self, at: bytes, part: bytes, name: bytes) -> bytes:
        make = self._imply
        found = resolve_in_root(
            at, [part], self._lookup, self._target, room=self._room, make=make, name=name
        )
        return found or b""

    def _imply(self, k: bytes) -> None:
        self._room.take(len(k))
        self._db.execute(_INSERT, (self._layer, k, 0, NameType.IMPLIED))

    def _find(self, wanted: bytes) -> tuple[int, int] | None:
        """The entry at ``wanted``, symlinks on the way followed; None if this layer has none."""
        parent, _, base = wanted.rpartition(b"\0")
        at: bytes | None = self._directories.get(parent)
        if at is None:
            parts = parent.split(b"\0")
            at = resolve_in_root(b"", parts, self._lookup, self._target, room=self._room)
        return None if at is None else self._lookup(at + b"\0" + base)

    def _aside(self, wanted: bytes) -> tuple[int, int] | None:
        """The AUFS metadata at ``wanted``, which hard links may name."""
        if not wanted.startswith(names.AUFS_LINKS):
            return None
        query = "SELECT ino, type FROM names WHERE layer = ? AND k = ?"
        found: tuple[int, int] | None = self._db.execute(query, (-self._layer, wanted)).fetchone()
        return found

    def _target(self, number: int) -> bytes:
        return self._spool.read(number).target or b""

    def _lookup(self, k: bytes) -> tuple[int, int] | None:
        query = "SELECT ino, type FROM names WHERE layer = ? AND k = ?"
        found: tuple[int, int] | None = self._db.execute(query, (self._layer, k)).fetchone()
        return found


def _name_type(inode: Inode) -> NameType:
    if inode.kind == "directory":
        return NameType.DIRECTORY
    return NameType.SYMLINK if inode.kind == "symlink" else NameType.OTHER
