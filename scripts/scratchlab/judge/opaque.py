"""Opaque directories: of an upper layer, they hide everything that lower layers have below them.

Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
"""

from __future__ import annotations

from dataclasses import replace

from scratchlab.model import Entry

_NAMES = ("trusted.overlay.opaque", "user.overlay.opaque")


def is_opaque(entry: Entry) -> bool:
    """Whether a directory of an upper layer hides what lower layers have below it."""
    return any(name in _NAMES for name, _ in entry.xattrs)


def opaque(entry: Entry) -> Entry:
    """``entry``, a directory, as an upper layer has it that hides what lower layers have."""
    return replace(entry, xattrs=((_NAMES[0], b"y"),))
