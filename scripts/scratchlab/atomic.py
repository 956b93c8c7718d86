"""Files that appear whole or not at all: written to a temporary file, synced, renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from scratchlab.errors import LabError


@contextmanager
def replacing(path: str | os.PathLike[str], *, mode: int = 0o644) -> Iterator[Path]:
    """Yield an empty temporary file beside ``path`` that becomes ``path`` when the block ends.

    ``mode`` holds the permission bits of the result. Raises OSError; then, and when the block
    raises, the temporary file is removed and the old file stays as it was.
    """
    path = os.path.abspath(path)
    fd, temporary = tempfile.mkstemp(prefix=".aside-", dir=os.path.dirname(path))
    os.close(fd)
    try:
        yield Path(temporary)
        fd = os.open(temporary, os.O_RDONLY)
        try:
            os.chmod(temporary, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_bytes(path: str | os.PathLike[str], data: bytes, *, mode: int = 0o644) -> None:
    """Write ``data`` to ``path`` with the permission bits ``mode``. Raises OSError."""
    with replacing(path, mode=mode) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_write(path: str, encoding: str = "ascii", *, mode: int = 0o644) -> Iterator[TextIO]:
    """Yield a text stream whose content becomes the file ``path`` when the block ends.

    ``mode`` holds the permission bits of the file. Raises LabError where ``path`` cannot be
    written; then, and when the block raises, the old file stays as it was.
    """
    try:
        with (
            replacing(path, mode=mode) as temporary,
            open(temporary, "w", encoding=encoding) as out,
        ):
            yield out
    except OSError as error:
        remedy = "name another file"
        raise LabError(f"cannot write {os.path.abspath(path)}: {error.strerror}", remedy) from error
