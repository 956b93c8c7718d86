"""Extended attributes of any object, without opening it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from scratchlab.collect.live.limits import error_name

_NONE = (errno.ENOTSUP, errno.ENOSYS)
_GONE = (errno.ENODATA, errno.ERANGE)
# On some filesystems one inode can hold thousands of values of 64 KiB.
_MOST_BYTES = 256 * 1024
_ATTRIBUTE = 128  # bytes that one takes in memory, beside its name and value


def read_xattrs(
    fd: int, *, is_opened: bool = False
) -> tuple[tuple[tuple[str, bytes], ...], str | None]:
    """The attributes (name, value) of the object behind ``fd``, sorted, and a note or None.

    The note is the reason why some could not be read. ``fd`` may be O_PATH, of a symlink too:
    ``/proc/self/fd/N`` is the object itself, so that no device is opened and no symlink followed.
    ``is_opened``: it is not O_PATH, so that the kernel needs no path, which takes it longer.
    """
    path = fd if is_opened else f"/proc/self/fd/{fd:d}"
    try:
        names = os.listxattr(path)
    except OSError as error:
        return (), (None if error.errno in _NONE else _note(error))
    if not names:
        return (), None
    xattrs: list[tuple[str, bytes]] = []
    note, left = None, _MOST_BYTES
    for name in sorted(names, key=os.fsencode):
        try:
            value = os.getxattr(path, name)
        except OSError as error:
            # Removed since it was listed (a change), or not readable.
            note = "changed while read" if error.errno in _GONE else _note(error)
            continue
        left -= cost([(name, value)])
        if left < 0:
            return tuple(xattrs), f"extended attributes not read: more than {_MOST_BYTES} bytes"
        xattrs.append((name, value))
    return tuple(xattrs), note


def cost(xattrs: Iterable[tuple[str, bytes]]) -> int:
    """The bytes that ``xattrs`` take in memory, about."""
    return sum(len(name) + len(value) + _ATTRIBUTE for name, value in xattrs)


def _note(error: OSError) -> str:
    return f"extended attributes unreadable: {error_name(error)}"
