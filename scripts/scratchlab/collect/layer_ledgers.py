"""The ledgers of the engine's init layer and of the writable layer."""

from __future__ import annotations

import os

from scratchlab.collect import changes, live
from scratchlab.ledger import Ledger
from scratchlab.model import Layers

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def read(layers: Layers) -> tuple[Ledger | None, Ledger | None]:
    """(init, writable): what each layer adds, changes and hides, None where there is no such
    layer or it cannot be told.

    Raises OSError when a layer's folder cannot be opened.
    """
    if layers.driver == "vfs":
        return _whole_trees(layers)
    return _folder(layers.init), _folder(layers.upper)


def _folder(path: str | None) -> Ledger | None:
    if path is None:
        return None
    fd = os.open(path, _FOLDER)
    try:
        return live.read_tree(fd)
    finally:
        os.close(fd)


def _whole_trees(layers: Layers) -> tuple[Ledger | None, Ledger | None]:
    below = _folder(layers.lower[0]) if layers.lower else Ledger()
    top = _folder(layers.upper)
    if below is None or top is None:
        return None, None
    init = _folder(layers.init)
    if init is None:
        with below, top:
            return None, changes.over(below, top)
    with below, init, top:
        return changes.over(below, init), changes.over(init, top)
