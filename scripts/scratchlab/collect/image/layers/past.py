"""What each layer of an image did at the paths that more than one of them touched.

While layers are stacked, the table ``past`` keeps the entries that a layer hides or replaces
(``made`` 1, with their inode), and what it removes (``made`` 0). Their histories are made at the
end.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from scratchlab.collect.image.layers import paths
from scratchlab.collect.image.layers.spool import Inode, unpack_inode
from scratchlab.ledger import LayerChange, LayerStep
from scratchlab.model import Kind

PAST_SCHEMA = """
CREATE TABLE past (k BLOB, layer INTEGER, made INTEGER, ino INTEGER,
    PRIMARY KEY (k, layer, made)) WITHOUT ROWID;
"""
KINDS = {str(kind): kind for kind in Kind}
_COMPARED = ("mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs")

_Row = tuple[bytes, int, int, bytes | None]


def histories(db: sqlite3.Connection) -> Iterator[tuple[str, tuple[LayerStep, ...]]]:
    """Each path of the table ``past``, in ledger order, and what each layer did there."""
    query = """SELECT p.k, p.layer, p.made, i.v FROM (
                   SELECT k, layer, made, ino FROM past
                   UNION ALL
                   SELECT m.k, m.layer, 1, m.ino FROM (SELECT DISTINCT k FROM past) o
                       CROSS JOIN merged m ON m.k = o.k
               ) p LEFT JOIN inodes i ON i.ino = p.ino ORDER BY p.k, p.layer, p.made"""
    for k, rows in groupby(db.execute(query), itemgetter(0)):
        yield os.fsdecode(paths.to_path(k)), tuple(_steps(rows))


def _steps(rows: Iterable[_Row]) -> Iterator[LayerStep]:
    before: Inode | None = None
    for _, layer, _, value in rows:
        inode = None if value is None else unpack_inode(value)
        yield _step(layer, before, inode)
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
