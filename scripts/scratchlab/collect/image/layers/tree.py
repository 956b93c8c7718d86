"""One layer as a tree of its own: names, inodes, and what it hides of the layers below.

An engine unpacks each layer into a directory of its own (overlayfs), so names and symlinks resolve
within the layer. A name below a symlink of the same layer lands where the symlink leads. A name
below a symlink of a *lower* layer creates a directory, which replaces the symlink. Measured
with ``docker load`` on Docker 20.10.24 (overlay2); containerd v1.6 archive/tar.go (applyNaive, with
fs.RootPath of the upper directory) does the same.
"""

from __future__ import annotations

import sqlite3

from scratchlab.collect.image.layers import paths
from scratchlab.collect.image.layers.paths import resolve_in_root
from scratchlab.collect.image.layers.spool import Inode, LayerSpool, NameType
from scratchlab.collect.image.limits import EntryBudget, check_xattrs
from scratchlab.collect.image.problems import DamageError, Notes, display

_DIRECTORIES = 4096
_INSERT = "INSERT INTO names VALUES (?, ?, ?, ?)"


class LayerTree:
    """The entries of one layer, added in the order of its archive; each may raise DamageError."""

    def __init__(self, spool: LayerSpool, layer: int, budget: EntryBudget, notes: Notes) -> None:
        self._spool = spool
        self._db = spool.db
        self._layer = layer
        self._budget = budget
        self._notes = notes
        self._directories: dict[bytes, bytes] = {b"": b""}  # key in the archive -> key in the tree

    def add(self, name: bytes, inode: Inode) -> None:
        """Add an entry by its name in the archive. The last of several with one name counts."""
        k = self._resolve(name, inode)
        if k is not None:
            self._budget.take(len(k) + sum(len(key) + len(value) for key, value in inode.xattrs))
            self._put(k, self._spool.add(inode), _name_type(inode))

    def link(self, name: bytes, target: bytes, inode: Inode) -> None:
        """Add one more name for the entry ``target``.

        ``inode`` has the fields of the link's own header: the last header counts for all names,
        as engines unpack it. A target that is not in this layer is later looked up in lower ones.
        """
        k = self._resolve(name, None)
        if k is None:
            return
        self._budget.take(len(k))
        self._clear(k)
        target_key = paths.to_key(target)
        found = self._find_aufs(target_key) or self._find(target_key)
        if found is None:
            self._notes.add(
                "{} is a hard link to {}, which is not in its layer: Docker refuses to load it",
                name,
                target,
            )
            self._budget.take(len(target_key))
            row = (self._layer, k, target_key)
            self._db.execute("INSERT OR REPLACE INTO outside VALUES (?, ?, ?)", row)
            return
        number, kind = found
        if kind >= NameType.DIRECTORY:
            raise DamageError(f"{display(name)} is a hard link to a directory")
        self._override(number, inode, name)
        self._db.execute("INSERT OR IGNORE INTO linked VALUES (?)", (number,))
        self._db.execute(_INSERT, (self._layer, k, number, kind))

    def _resolve(self, name: bytes, inode: Inode | None) -> bytes | None:
        """The key of the entry; None for a whiteout or metadata, which is recorded at once."""
        written = paths.to_key(name)
        if b".." in name and paths.leaves_root(name):
            self._notes.add("{} leads out of the root: read as {}", name, paths.to_path(written))
        if not written:
            if inode is None or inode.kind != "directory":
                raise DamageError("its root is not a directory")
            return written
        parent, _, base = written.rpartition(b"\0")
        if base.startswith(paths.WHITEOUT) or written.startswith(paths.AUFS):
            self._hide(name, written, inode)
            return None
        k = self._directory(parent, name) + b"\0" + base
        paths.check_length(k, name)
        return k

    def _hide(self, name: bytes, written: bytes, inode: Inode | None) -> None:
        parent, _, base = written.rpartition(b"\0")
        if written.startswith(paths.AUFS) and written != b"\0" + paths.OPAQUE:
            self._notes.add("metadata of the storage driver AUFS is left out")
            if written.startswith(paths.AUFS_LINKS) and inode is not None:
                self._budget.take(len(written))
                row = (-self._layer, written, self._spool.add(inode), _name_type(inode))
                self._db.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?)", row)
            return
        directory = self._directory(parent, name)
        opaque = base == paths.OPAQUE
        if not opaque:
            hidden = base[len(paths.WHITEOUT) :]
            if hidden in (b"", b".", b".."):
                raise DamageError(f"{display(name)} is a whiteout without a name")
            directory += b"\0" + hidden
        self._budget.take(len(directory))
        insert = "INSERT OR IGNORE INTO hidden VALUES (?, ?, ?)"
        self._db.execute(insert, (self._layer, directory, opaque))

    def _put(self, k: bytes, number: int, kind: NameType) -> None:
        row = (self._layer, k, number, int(kind))  # sqlite3 asks an enum how to be kept
        try:
            self._db.execute(_INSERT, row)
        except sqlite3.IntegrityError:
            _, existing = self._lookup(k) or (0, NameType.OTHER)
            if kind != NameType.DIRECTORY or existing < NameType.DIRECTORY:
                self._clear(k)
                self._db.execute(_INSERT, row)
                return
            # A repeated directory keeps its entries; one that was only implied is described now.
            if existing == NameType.DIRECTORY:
                self._note_duplicate(k)
            update = "UPDATE names SET ino = ?, type = ? WHERE layer = ? AND k = ?"
            self._db.execute(update, (number, kind, self._layer, k))

    def _clear(self, k: bytes) -> None:
        """Remove the entry at ``k`` and everything below it, as engines do."""
        deleted = self._db.execute("DELETE FROM names WHERE layer = ? AND k = ?", (self._layer, k))
        if deleted.rowcount:
            self._note_duplicate(k)
            query = "DELETE FROM names WHERE layer = ? AND k >= ? AND k < ?"
            self._db.execute(query, (self._layer, *paths.below(k)))
            self._directories = {b"": b""}

    def _note_duplicate(self, k: bytes) -> None:
        self._notes.add(
            "{} is twice in one layer, and the last counts: Docker refuses to load it",
            paths.to_path(k),
        )

    def _override(self, number: int, header: Inode, name: bytes) -> None:
        """Let the header of a hard link override the fields of the file's own header."""
        kept = self._spool.read(number)
        xattrs = dict(kept.xattrs) | dict(header.xattrs)
        check_xattrs(xattrs, name)
        merged = kept._replace(
            mode=kept.mode if kept.kind == "symlink" else header.mode,
            uid=header.uid,
            gid=header.gid,
            mtime=header.mtime,
            xattrs=tuple(sorted(xattrs.items())),
        )
        if merged != kept:
            self._spool.rewrite(number, merged)

    def _directory(self, written: bytes, name: bytes) -> bytes:
        """The key of the directory ``written`` in this layer; made when no header described it."""
        found = self._directories.get(written)
        if found is None:
            found = self._walk(written, name)
        return found

    def _walk(self, written: bytes, name: bytes) -> bytes:
        # Start from the longest prefix that is known.
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
        directory = resolve_in_root(
            at,
            [part],
            self._lookup,
            self._target,
            budget=self._budget,
            make=self._imply,
            name=name,
        )
        return directory or b""

    def _imply(self, k: bytes) -> None:
        self._budget.take(len(k))
        self._db.execute(_INSERT, (self._layer, k, 0, NameType.IMPLIED))

    def _find(self, target: bytes) -> tuple[int, int] | None:
        """The entry at ``target``, symlinks on the way followed; None if this layer has none."""
        parent, _, base = target.rpartition(b"\0")
        at: bytes | None = self._directories.get(parent)
        if at is None:
            parts = parent.split(b"\0")
            at = resolve_in_root(b"", parts, self._lookup, self._target, budget=self._budget)
        return None if at is None else self._lookup(at + b"\0" + base)

    def _find_aufs(self, target: bytes) -> tuple[int, int] | None:
        """The AUFS metadata at ``target``, which hard links may name."""
        if not target.startswith(paths.AUFS_LINKS):
            return None
        query = "SELECT ino, type FROM names WHERE layer = ? AND k = ?"
        found: tuple[int, int] | None = self._db.execute(query, (-self._layer, target)).fetchone()
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
