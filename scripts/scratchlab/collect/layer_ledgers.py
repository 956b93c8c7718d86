"""The ledgers of the engine's init layer and of the writable layer."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from scratchlab.collect import live
from scratchlab.collect.live import chosen
from scratchlab.collect.live.closed import ClosedWays
from scratchlab.collect.live.file_status import birth_of
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Layers

_COMPARED = ("kind", "mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs")
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def read_layer_ledgers(
    layers: Layers, paths: Collection[str] | None = None
) -> tuple[Ledger | None, Ledger | None]:
    """The entries that the init layer and the writable layer add, change and hide; only ``paths``
    and the directories above them, where they are given.

    None for a layer that does not exist or is not known. Raises OSError when a layer's directory
    cannot be opened: it is opened name by name, and a symlink on the way is not followed.
    """
    if layers.driver == "vfs":
        return _from_whole_trees(layers, paths)
    return _read_directory(layers.init, paths), _read_directory(layers.upper, paths)


def _read_directory(path: str | None, paths: Collection[str] | None) -> Ledger | None:
    if path is None:
        return None
    fd = _open_directory(path)
    try:
        return live.read_tree(fd) if paths is None else chosen.read_chosen(fd, None, paths).ledger
    finally:
        os.close(fd)


def _open_directory(path: str) -> int:
    fd = os.open("/", _DIRECTORY)
    for name in path.strip("/").split("/"):
        outer = fd
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=outer)
        finally:
            os.close(outer)
    return fd


def _from_whole_trees(
    layers: Layers, paths: Collection[str] | None
) -> tuple[Ledger | None, Ledger | None]:
    below = _read_directory(layers.lower[0], paths) if layers.lower else Ledger()
    top = _read_directory(layers.upper, paths)
    if below is None or top is None:
        return None, None
    init = _read_directory(layers.init, paths)
    if init is None:
        with below, top:
            return None, changes_over(below, top)
    with below, init, top:
        return changes_over(below, init), changes_over(init, top)


def changes_over(below: Ledger, tree: Ledger) -> Ledger:
    """The entries of ``tree`` that differ from ``below``, and a whiteout for each that it lacks.

    The form is that of an overlay's upper layer, but a change is not one of its parent directory.
    For storage drivers that copy whole trees (vfs) and so keep no layer of changes.
    """
    changes = Ledger()
    changes.update(_added_or_changed(below, tree))
    changes.update(_removed(below, tree))
    return changes


def _added_or_changed(below: Ledger, tree: Ledger) -> Iterator[Entry]:
    for entry in tree:
        old = below.get(entry.path)
        if old is None or _differs(old, entry):
            yield entry


def _differs(old: Entry, new: Entry) -> bool:
    # A copy keeps the times of files (moby v20.10.24 daemon/graphdriver/copy/copy.go DirCopy()).
    if new.kind is Kind.FILE and old.mtime != new.mtime:
        return True
    return any(getattr(old, name) != getattr(new, name) for name in _COMPARED)


def _removed(below: Ledger, tree: Ledger) -> Iterator[Entry]:
    last = None
    for entry in below:
        if last is not None and entry.path.startswith(last):
            continue
        if entry.path not in tree:
            last = entry.path + "/"
            yield Entry.whiteout(entry.path)


def made_again(
    root_fd: int, image: Ledger, live: Ledger, ways: ClosedWays, start: int | None
) -> dict[str, int]:
    """The directories of ``image`` that ``live`` has on its root's own mount, and that were made
    after ``start``: by path, when (nanoseconds since 1970).

    ``root_fd`` is a descriptor of the root. For roots that are no overlays: those keep whole trees
    that a storage driver copied before the start, and a directory that was removed and made again
    looks as before.
    """
    top = live.get("/")
    found: dict[str, int] = {}
    if top is None or start is None:
        return found
    for entry in live:
        same = entry.kind is Kind.DIRECTORY and entry.mount == top.mount and entry.path in image
        if not same or entry.path == "/":
            continue
        with ways.reach(root_fd, entry.path) as fd:
            born = birth_of(fd) if fd is not None else None
        if born is not None and born > start:
            found[entry.path] = born
    return found
