"""What each layer of an image did at the paths that more than one of them touched.

While layers are stacked, the table ``past`` keeps the entries that a layer hides or replaces
(``made`` 1, with their inode), and what it removes (``made`` 0). Their histories are made at the
end.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from scratchlab.collect.image.layers import paths
from scratchlab.collect.image.layers.spool import Inode, unpack_inode
from scratchlab.ledger import LayerChange, LayerStep
from scratchlab.model import Kind

PAST_SCHEMA = """
CREATE TABLE past (k BLOB, layer INTEGER, made INTEGER, ino INTEGER,
    PRIMARY KEY (k, layer, made)) WITHOUT ROWID;
CREATE TABLE counted (ino INTEGER PRIMARY KEY);
"""
KINDS = {str(kind): kind for kind in Kind}
_COMPARED = ("mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs")

_Row = tuple[bytes, int, int | None, bytes | None, int]


def histories(db: sqlite3.Connection) -> Iterator[tuple[str, tuple[LayerStep, ...]]]:
    """Each path of the table ``past``, in ledger order, and what each layer did there.

    A file with several names has its size at one of them: at none of these where it has a name that
    is left.
    """
    db.execute(
        "INSERT OR IGNORE INTO counted SELECT ino FROM merged WHERE ino IN (SELECT ino FROM linked)"
    )
    query = """SELECT p.k, p.layer, p.ino, i.v, p.ino IN (SELECT ino FROM linked) FROM (
                   SELECT k, layer, made, ino FROM past
                   UNION ALL
                   SELECT m.k, m.layer, 1, m.ino FROM (SELECT DISTINCT k FROM past) o
                       CROSS JOIN merged m ON m.k = o.k
               ) p LEFT JOIN inodes i ON i.ino = p.ino ORDER BY p.k, p.layer, p.made"""
    for k, rows in groupby(db.execute(query), itemgetter(0)):
        yield os.fsdecode(paths.to_path(k)), tuple(_steps(db, rows))


def _steps(db: sqlite3.Connection, rows: Iterable[_Row]) -> Iterator[LayerStep]:
    before: Inode | None = None
    for _, layer, number, value, linked in rows:
        inode = None if value is None else unpack_inode(value)
        step = _step(layer, before, inode)
        if (
            linked
            and not db.execute("INSERT OR IGNORE INTO counted VALUES (?)", (number,)).rowcount
        ):
            step = replace(step, size=0)
        yield step
        before = inode


def _step(layer: int, before: Inode | None, inode: Inode | None) -> LayerStep:
    if inode is None:
        return LayerStep(layer, LayerChange.REMOVED)
    change, fields = _change(before, inode)
    return LayerStep(layer, change, fields, KINDS[inode.kind], inode.size)


def _change(before: Inode | None, inode: Inode) -> tuple[LayerChange, tuple[str, ...]]:
    if before is None:
        return LayerChange.MADE, ()
    if before.kind != inode.kind:
        return LayerChange.REPLACED, ("kind",)
    fields = [name for name in _COMPARED if getattr(before, name) != getattr(inode, name)]
    if inode.kind == "file" and before.mtime != inode.mtime:
        fields.append("mtime")
    return (LayerChange.CHANGED if fields else LayerChange.REPEATED), tuple(fields)
