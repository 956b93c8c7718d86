"""Extended attributes of any object, without opening it."""

from __future__ import annotations

import errno
import os

from scratchlab.collect.live.limits import error_name

_NONE = (errno.ENOTSUP, errno.ENOSYS)
_GONE = (errno.ENODATA, errno.ERANGE)


# One inode may hold thousands of values of 64 KiB on some filesystems.
MOST_BYTES = 256 * 1024


def read(fd: int) -> tuple[tuple[tuple[str, bytes], ...], str | None]:
    """The attributes of the object behind ``fd`` by name, and a note if some could not be read.

    ``fd`` may be O_PATH, of a symlink too: following ``/proc/self/fd/N`` lands on the object
    itself and on nothing else, so a device is not opened and a symlink not followed.
    """
    where = f"/proc/self/fd/{fd:d}"
    try:
        names = os.listxattr(where)
    except OSError as error:
        return (), (None if error.errno in _NONE else _note(error))
    if not names:
        return (), None
    found: list[tuple[str, bytes]] = []
    note, left = None, MOST_BYTES
    for name in sorted(names, key=os.fsencode):
        try:
            value = os.getxattr(where, name)
        except OSError as error:
            # Removed since it was listed, or kept from us: the first is a change.
            note = "changed while read" if error.errno in _GONE else _note(error)
            continue
        left -= len(name) + len(value)
        if left < 0:
            return tuple(found), f"extended attributes not read: more than {MOST_BYTES} bytes"
        found.append((name, value))
    return tuple(found), note


def _note(error: OSError) -> str:
    return f"extended attributes unreadable: {error_name(error)}"
