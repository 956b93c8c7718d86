"""Stack layers: the root filesystem that they add up to.

The rules are those of the OCI image specification (v1.1 layer.md, "Applying Changesets"): within a
layer nothing hides anything; whiteouts and opaque directories apply to lower layers, wherever they
are in their own. Where overlayfs, as engines use it, behaves differently, a note is added.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from scratchlab.collect.image.layers import paths
from scratchlab.collect.image.layers.past import KINDS, PAST_SCHEMA, histories
from scratchlab.collect.image.layers.paths import resolve_in_root
from scratchlab.collect.image.layers.spool import IMPLIED, LayerSpool, NameType, unpack_inode
from scratchlab.collect.image.limits import EntryBudget
from scratchlab.collect.image.problems import DamageError, Notes, display
from scratchlab.ledger import LayerStep
from scratchlab.model import Entry, Kind

_SCHEMA = """
CREATE TABLE merged (k BLOB PRIMARY KEY, ino INTEGER, type INTEGER, layer INTEGER) WITHOUT ROWID;
CREATE TABLE late (k BLOB PRIMARY KEY, ino INTEGER, type INTEGER) WITHOUT ROWID;
CREATE TABLE first (ino INTEGER PRIMARY KEY, k BLOB);
"""


class LayerStack:
    """Stacks layers of a spool, once."""

    def __init__(
        self, spool: LayerSpool, budget: EntryBudget, notes: Notes, *, implied_kept: bool
    ) -> None:
        self._spool = spool
        self._db = spool.db
        self._budget = budget
        self._notes = notes
        self._implied_kept = implied_kept
        self._db.executescript(_SCHEMA + PAST_SCHEMA)
        self._db.execute("BEGIN")

    def entries(self, layers: Sequence[int]) -> Iterator[Entry]:
        """The entries of ``layers`` (lowest first), in ledger order; always with ``/``.

        Raises DamageError when a hard link leads nowhere, LabError when a repeated layer brings
        too many entries.
        """
        for index, layer in enumerate(layers):
            if layer in layers[:index]:
                self._charge_repeated(layer)
            self._resolve_links(layer)
            self._hide(layer, index)
            self._apply(layer, index)
        yield from self._result()

    def histories(self) -> Iterator[tuple[str, tuple[LayerStep, ...]]]:
        """What each layer did at the paths that several touched, in ledger order; after
        :meth:`entries`.
        """
        return histories(self._db)

    def _charge_repeated(self, layer: int) -> None:
        for table in ("names", "hidden"):
            query = f"SELECT count(*) FROM {table} WHERE layer = ?"  # noqa: S608 - ours
            self._budget.take(0, 4 * self._db.execute(query, (layer,)).fetchone()[0])

    def _resolve_links(self, layer: int) -> None:
        """Resolve hard links to entries of lower layers, before this layer changes those."""
        self._db.execute("DELETE FROM late")
        query = "SELECT k, target FROM outside WHERE layer = ?"
        for k, target in self._db.execute(query, (layer,)):
            parent, _, base = target.rpartition(b"\0")
            parts = parent.split(b"\0")
            directory = resolve_in_root(b"", parts, self._lookup, self._target, budget=self._budget)
            found = None if directory is None else self._lookup(directory + b"\0" + base)
            if found is None or found[1] >= NameType.DIRECTORY:
                link, wanted = display(paths.to_path(k)), display(paths.to_path(target))
                raise DamageError(
                    f"{link} is a hard link to {wanted}, which is not a file in a lower layer"
                )
            self._db.execute("INSERT INTO late VALUES (?, ?, ?)", (k, *found))
            self._db.execute("INSERT OR IGNORE INTO linked VALUES (?)", (found[0],))

    def _hide(self, layer: int, index: int) -> None:
        query = "SELECT k, opaque FROM hidden WHERE layer = ?"
        for k, opaque in self._db.execute(query, (layer,)):
            self._remove(*paths.below(k), index)
            if not opaque:
                self._remove(k, k + b"\0", index)
            elif not k and index:
                self._notes.add(
                    f"layer {index} makes the root opaque: by the specification that hides all "
                    "lower layers, in overlayfs nothing"
                )
        query = """SELECT h.k FROM hidden h JOIN names n ON n.layer = h.layer AND n.k = h.k
                   WHERE h.layer = ? AND NOT h.opaque"""
        for (k,) in self._db.execute(query, (layer,)):
            self._notes.add(
                f"layer {index} hides {{}} and adds it again: by the specification nothing of the "
                "lower layers shows, in overlayfs as Docker uses it a directory's entries do",
                paths.to_path(k),
            )

    def _apply(self, layer: int, index: int) -> None:
        query = """SELECT n.k FROM names n JOIN merged m ON m.k = n.k
                   WHERE n.layer = ? AND n.type < ? AND m.type >= ?"""
        types = (NameType.DIRECTORY, NameType.DIRECTORY)
        for (k,) in self._db.execute(query, (layer, *types)):
            self._remove(*paths.below(k), index)
        self._note_implied(layer, index)
        where = """n.layer = ? AND NOT (? AND n.type = ? AND EXISTS (
                       SELECT 1 FROM merged b WHERE b.k = n.k AND b.type >= ?))"""
        implied = (self._implied_kept, NameType.IMPLIED, NameType.DIRECTORY)
        self._put("names n", where, index, (layer, *implied))
        for (k,) in self._db.execute("SELECT k FROM late"):
            self._remove(*paths.below(k), index)
        where = "NOT EXISTS (SELECT 1 FROM names o WHERE o.layer = ? AND o.k = n.k)"
        self._put("late n", where, index, (layer,))

    def _put(self, table: str, where: str, index: int, values: tuple[int, ...]) -> None:
        """Let layer ``index`` have the rows of ``table``; the past keeps those that they hide."""
        self._db.execute(
            f"""INSERT INTO past SELECT m.k, m.layer, 1, m.ino
                FROM {table} CROSS JOIN merged m ON m.k = n.k WHERE {where}""",  # noqa: S608 - ours
            values,
        )
        self._db.execute(
            f"""INSERT OR REPLACE INTO merged SELECT n.k, n.ino, n.type, ?
                FROM {table} WHERE {where}""",  # noqa: S608 - ours
            (index, *values),
        )

    def _note_implied(self, layer: int, index: int) -> None:
        query = """SELECT n.k, i.v FROM names n JOIN merged m ON m.k = n.k
                   JOIN inodes i ON i.ino = m.ino
                   WHERE n.layer = ? AND n.type = ? AND m.type = ?"""
        types = (NameType.IMPLIED, NameType.DIRECTORY)
        for k, value in self._db.execute(query, (layer, *types)):
            lower = unpack_inode(value)
            if lower._replace(mtime=None) != IMPLIED:
                self._notes.add(
                    f"layer {index} has entries below {{}} but none for it: Docker makes that "
                    "directory with mode 0755, owner 0:0 and no attributes, containerd keeps the "
                    "lower layer's",
                    paths.to_path(k),
                )

    def _remove(self, start: bytes, end: bytes, index: int) -> None:
        """Remove the entries from ``start`` up to ``end``; the past keeps those of lower layers."""
        found = "FROM merged WHERE k >= ? AND k < ?"
        lower = (start, end, index)
        self._db.execute(f"INSERT INTO past SELECT k, layer, 1, ino {found} AND layer < ?", lower)
        self._db.execute(
            f"INSERT INTO past SELECT k, ?, 0, NULL {found} AND layer < ?",
            (index, *lower),
        )
        self._db.execute(f"DELETE {found}", (start, end))

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
            # No layer describes the root; engines make it (moby v20.10 daemon/graphdriver/overlay2
            # create: 0755).
            yield Entry("/", Kind.DIRECTORY, 0o755)
        query = """SELECT m.k, m.layer, i.v, f.k FROM merged m JOIN inodes i ON i.ino = m.ino
                   LEFT JOIN first f ON f.ino = m.ino ORDER BY m.k"""
        for k, layer, value, first in self._db.execute(query):
            inode = unpack_inode(value)
            yield Entry(
                os.fsdecode(paths.to_path(k)),
                KINDS[inode.kind],
                inode.mode,
                inode.uid,
                inode.gid,
                inode.size,
                inode.sha256,
                None if inode.target is None else os.fsdecode(inode.target),
                inode.device,
                tuple((os.fsdecode(name), value) for name, value in inode.xattrs),
                inode.mtime,
                None if first is None else os.fsdecode(paths.to_path(first)),
                layer,
                note=inode.note,
            )
