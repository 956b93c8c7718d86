"""What one tree changed over another, in the form an overlay's upper layer has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind

_COMPARED = ("kind", "mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs")
# A whiteout of overlayfs: Linux Documentation/filesystems/overlayfs.rst.
_WHITEOUT = Entry("/", Kind.CHAR, 0, device=(0, 0))


def over(below: Ledger, tree: Ledger) -> Ledger:
    """The entries of ``tree`` that are not the same in ``below``, and a whiteout for each that is
    gone. Parents of a change are no change of their own.

    For storage drivers that copy whole trees (vfs) and so keep no layer of changes.
    """
    changes = Ledger()
    changes.update(_new(below, tree))
    changes.update(_gone(below, tree))
    return changes


def _new(below: Ledger, tree: Ledger) -> Iterator[Entry]:
    for entry in tree:
        old = below.get(entry.path)
        if old is None or _changed(old, entry):
            yield entry


def _changed(old: Entry, new: Entry) -> bool:
    # Copies keep the times of files (moby v20.10.24 daemon/graphdriver/copy/copy.go DirCopy()).
    if new.kind is Kind.FILE and old.mtime != new.mtime:
        return True
    return any(getattr(old, name) != getattr(new, name) for name in _COMPARED)


def _gone(below: Ledger, tree: Ledger) -> Iterator[Entry]:
    last = None
    for entry in below:
        if last is not None and entry.path.startswith(last):
            continue
        if entry.path not in tree:
            last = entry.path + "/"
            yield replace(_WHITEOUT, path=entry.path)
