"""Layers on top of one another: the root filesystem that they add up to.

The rules are those of the OCI image specification (v1.1 layer.md, "Applying Changesets"): within a
layer nothing hides anything, whiteouts and opaque directories concern what is below, whatever
their place in the layer. Where overlayfs, as engines use it, does otherwise, a note says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from scratchlab.collect.image.layers import names
from scratchlab.collect.image.layers.names import resolve_in_root
from scratchlab.collect.image.layers.spool import IMPLIED, LayerSpool, NameType, below, unpack
from scratchlab.collect.image.limits import EntryBudget
from scratchlab.collect.image.problems import DamageError, Notes, shown
from scratchlab.model import Entry, Kind

_SCHEMA = """
CREATE TABLE merged (k BLOB PRIMARY KEY, ino INTEGER, type INTEGER, layer INTEGER) WITHOUT ROWID;
CREATE TABLE late (k BLOB PRIMARY KEY, ino INTEGER, type INTEGER) WITHOUT ROWID;
CREATE TABLE first (ino INTEGER PRIMARY KEY, k BLOB);
"""


class Stack:
    """Puts layers of a spool on top of one another, once."""

    def __init__(
        self, spool: LayerSpool, room: EntryBudget, notes: Notes, *, implied_kept: bool
    ) -> None:
        self._spool = spool
        self._db = spool.db
        self._room = room
        self._notes = notes
        self._implied_kept = implied_kept
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")

    def entries(self, layers: Sequence[int]) -> Iterator[Entry]:
        """The entries of ``layers`` (lowest first), in ledger order; ``/`` always is one.

        Raises DamageError when a hard link leads nowhere, LabError when one layer comes so often
        that its entries are too many.
        """
        for index, layer in enumerate(layers):
            if layer in layers[:index]:
                self._charge(layer)
            self._find_links(layer)
            self._hide(layer, index)
            self._lay(layer, index)
        yield from self._result()

    def _charge(self, layer: int) -> None:
        for table in ("names", "hidden"):
            query = f"SELECT count(*) FROM {table} WHERE layer = ?"  # noqa: S608 - ours
            self._room.take(0, 4 * self._db.execute(query, (layer,)).fetchone()[0])

    def _find_links(self, layer: int) -> None:
        """Hard links to entries of lower layers, as they are before this layer changes them."""
        self._db.execute("DELETE FROM late")
        query = "SELECT k, target FROM outside WHERE layer = ?"
        for k, wanted in self._db.execute(query, (layer,)):
            parent, _, base = wanted.rpartition(b"\0")
            parts = parent.split(b"\0")
            directory = resolve_in_root(b"", parts, self._lookup, self._target, room=self._room)
            found = None if directory is None else self._lookup(directory + b"\0" + base)
            if found is None or found[1] >= NameType.DIRECTORY:
                path, target = shown(names.path(k)), shown(names.path(wanted))
                raise DamageError(f"{path} is a hard link to {target}, which is no file there")
            self._db.execute("INSERT INTO late VALUES (?, ?, ?)", (k, *found))
            self._db.execute("INSERT OR IGNORE INTO linked VALUES (?)", (found[0],))

    def _hide(self, layer: int, index: int) -> None:
        query = "SELECT k, opaque FROM hidden WHERE layer = ?"
        for k, opaque in self._db.execute(query, (layer,)):
            self._remove_below(k)
            if not opaque:
                self._db.execute("DELETE FROM merged WHERE k = ?", (k,))
            elif not k and index:
                self._notes.add(
                    f"layer {index} makes the root opaque: the specification hides all layers "
                    "below, overlayfs nothing"
                )
        query = """SELECT h.k FROM hidden h JOIN names n ON n.layer = h.layer AND n.k = h.k
                   WHERE h.layer = ? AND NOT h.opaque"""
        for (k,) in self._db.execute(query, (layer,)):
            self._notes.add(
                f"layer {index} hides {{}} and brings it again: the specification lets nothing of "
                "the lower layers through, overlayfs as Docker uses it does for a directory",
                names.path(k),
            )

    def _lay(self, layer: int, index: int) -> None:
        query = """SELECT n.k FROM names n JOIN merged m ON m.k = n.k
                   WHERE n.layer = ? AND n.type < ? AND m.type >= ?"""
        types = (NameType.DIRECTORY, NameType.DIRECTORY)
        for (k,) in self._db.execute(query, (layer, *types)):
            self._remove_below(k)
        self._note_implied(layer, index)
        insert = """INSERT OR REPLACE INTO merged SELECT k, ino, type, ? FROM names n
                    WHERE layer = ? AND NOT (? AND type = ? AND EXISTS (
                        SELECT 1 FROM merged m WHERE m.k = n.k AND m.type >= ?))"""
        implied = (self._implied_kept, NameType.IMPLIED, NameType.DIRECTORY)
        self._db.execute(insert, (index, layer, *implied))
        insert = """INSERT OR REPLACE INTO merged SELECT k, ino, type, ? FROM late
                    WHERE NOT EXISTS (SELECT 1 FROM names n WHERE n.layer = ? AND n.k = late.k)"""
        for (k,) in self._db.execute("SELECT k FROM late"):
            self._remove_below(k)
        self._db.execute(insert, (index, layer))

    def _note_implied(self, layer: int, index: int) -> None:
        query = """SELECT n.k, i.v FROM names n JOIN merged m ON m.k = n.k
                   JOIN inodes i ON i.ino = m.ino
                   WHERE n.layer = ? AND n.type = ? AND m.type = ?"""
        types = (NameType.IMPLIED, NameType.DIRECTORY)
        for k, value in self._db.execute(query, (layer, *types)):
            lower = unpack(value)
            if lower._replace(mtime=None) != IMPLIED:
                self._notes.add(
                    f"layer {index} has entries below {{}} and none for it: Docker gives that "
                    "directory mode 0755, owner 0:0 and no attributes, containerd keeps the lower "
                    "layer's",
                    names.path(k),
                )

    def _remove_below(self, k: bytes) -> None:
        self._db.execute("DELETE FROM merged WHERE k >= ? AND k < ?", below(k))

    def _lookup(self, k: bytes) -> tuple[int, int] | None:
        query = "SELECT ino, type FROM merged WHERE k = ?"
        found: tuple[int, int] | None = self._db.execute(query, (k,)).fetchone()
        return found

    def _target(self, number: int) -> bytes:
        return self._spool.read(number).target or b""

    def _result(self) -> Iterator[Entry]:
        self._db.execute(
            """INSERT INTO first SELECT ino, min(k) FROM merged
               WHERE ino IN (SELECT ino FROM linked) GROUP BY ino HAVING count(*) > 1"""
        )
        if self._lookup(b"") is None:
            # No layer speaks of the root; engines make it (moby v20.10 daemon/graphdriver/overlay2
            # create: 0755).
            yield Entry("/", Kind.DIRECTORY, 0o755)
        query = """SELECT m.k, m.layer, i.v, f.k FROM merged m JOIN inodes i ON i.ino = m.ino
                   LEFT JOIN first f ON f.ino = m.ino ORDER BY m.k"""
        for k, layer, value, first in self._db.execute(query):
            inode = unpack(value)
            yield Entry(
                path=os.fsdecode(names.path(k)),
                kind=_KINDS[inode.kind],
                mode=inode.mode,
                uid=inode.uid,
                gid=inode.gid,
                size=inode.size,
                sha256=inode.sha256,
                target=None if inode.target is None else os.fsdecode(inode.target),
                device=inode.device,
                xattrs=tuple((os.fsdecode(name), value) for name, value in inode.xattrs),
                mtime=inode.mtime,
                links=None if first is None else os.fsdecode(names.path(first)),
                layer=layer,
                note=inode.note,
            )


_KINDS = {str(kind): kind for kind in Kind}
