"""Opaque directories: of an upper layer, they hide everything that lower layers have below them.

Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
"""

from __future__ import annotations

from scratchlab.judge.compare import attributes
from scratchlab.model import Entry

# fs/overlayfs/overlayfs.h; containers/fuse-overlayfs v1.10 main.c.
_OVERLAYS = ("trusted.overlay.", "user.overlay.", "user.fuseoverlayfs.")
_NAMES = ("trusted.overlay.opaque", "user.overlay.opaque")


def is_opaque(entry: Entry) -> bool:
    """Whether a directory of an upper layer hides what lower layers have below it."""
    return any(name in _NAMES for name, _ in entry.xattrs)


def without_marks(entry: Entry) -> tuple[tuple[str, bytes], ...]:
    """The attributes of an entry of a layer that its merged root shows: without overlay's own."""
    return tuple(xattr for xattr in attributes(entry) if not xattr[0].startswith(_OVERLAYS))


def opaque(entry: Entry) -> Entry:
    """``entry``, a directory, as an upper layer has it that hides what lower layers have."""
    return entry._replace(xattrs=((_NAMES[0], b"y"),))
