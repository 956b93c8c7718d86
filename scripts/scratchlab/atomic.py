"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from scratchlab.errors import LabError


@contextmanager
def replaced(path: str, encoding: str = "ascii") -> Iterator[TextIO]:
    """A stream whose text becomes the file ``path`` (0644) at the end: aside, synced, renamed.

    Raises LabError when that fails; then, and when the caller raises, the old file stays.
    """
    path = os.path.abspath(path)
    try:
        fd, aside = tempfile.mkstemp(prefix=".aside-", dir=os.path.dirname(path))
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(fd, "w", encoding=encoding) as out:
            os.fchmod(out.fileno(), 0o644)
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.rename(aside, path)
    except BaseException as error:
        os.unlink(aside)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: str, error: OSError) -> LabError:
    return LabError(f"cannot write {path}: {error.strerror}", "name another file")
