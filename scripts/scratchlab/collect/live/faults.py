"""What an error number says of the thing that was read, and what it says of the reader."""

from __future__ import annotations

import errno

from scratchlab.errors import LabError

# Want of our own, not a property of what is read: noting it on an entry would blame the container.
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def code(error: OSError) -> str:
    """The name of the error for a note: ``EACCES``. Raises LabError if the reader is at fault."""
    if error.errno in _OURS:
        raise LabError(
            f"this process ran out of what it needs to read on: {error.strerror}",
            "see `ulimit -n` and `free`",
        ) from error
    return errno.errorcode.get(error.errno or 0, "?")
