"""Output files: a regular file appears whole or not at all; nothing else is ever replaced.

===========================  ==============================================================
the target                   what happens
===========================  ==============================================================
a regular file, or nothing   a temporary file beside it is written, synced and renamed to it
a symlink                    its target counts, as for ``cp`` and ``>``; the link stays. One
                             that leads nowhere is refused, as by ``cp``
a character device, a FIFO   written into (``/dev/null``, ``/dev/tty``, a named pipe)
``/dev/stdout``, ``/dev/fd/  that open descriptor is written into, whatever it is, without
N``, ``/proc/self/fd/N``     truncating it
a directory, a socket, a     refused
block device
===========================  ==============================================================
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from scratchlab.errors import LabError

_MOST_LINKS = 40  # as in Linux, path_resolution(7)
FILE_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a FIFO",
}
_WRITTEN_INTO = {stat.S_IFCHR, stat.S_IFIFO}


@contextmanager
def replacing(path: str | os.PathLike[str], *, mode: int = 0o644) -> Iterator[Path]:
    """Yield an empty temporary file beside ``path`` that becomes ``path`` when the block ends.

    ``mode`` holds the permission bits of the result. Where ``path`` is a symlink, the file that it
    leads to is replaced. Raises OSError, also where something other than a regular file is at
    ``path``; then, and when the block raises, the temporary file is removed and what was there
    stays as it was.
    """
    target, kind = _resolved(os.path.abspath(path))
    if kind not in (None, stat.S_IFREG):
        raise _refusal(kind, target)
    with _replacing(target, mode) as temporary:
        yield temporary


def write_bytes(path: str | os.PathLike[str], data: bytes, *, mode: int = 0o644) -> None:
    """Write ``data`` to ``path`` with the permission bits ``mode``. Raises OSError."""
    with replacing(path, mode=mode) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_write(
    path: str, encoding: str = "ascii", *, mode: int = 0o644, only_files: bool = False
) -> Iterator[TextIO]:
    """Yield a text stream whose content becomes the file ``path`` when the block ends.

    A device, a FIFO or an open descriptor is written into instead; ``only_files`` refuses these
    too, for paths that the user did not name. ``mode`` holds the permission bits of a file. Raises
    LabError where ``path`` cannot be written; then, and when the block raises, an old file stays as
    it was. Raises BrokenPipeError where the reader of a FIFO or descriptor is gone.
    """
    try:
        with _opened(path, encoding, mode, only_files=only_files) as out:
            yield out
    except BrokenPipeError:
        raise
    except OSError as error:
        remedy = "name another file"
        raise LabError(f"cannot write {os.path.abspath(path)}: {error.strerror}", remedy) from error


@contextmanager
def _opened(path: str, encoding: str, mode: int, *, only_files: bool) -> Iterator[TextIO]:
    descriptor = None if only_files else _open_descriptor(path)
    if descriptor is not None:
        sys.stdout.flush()  # what was printed before comes first
        with open(os.dup(descriptor), "w", encoding=encoding) as out:
            yield out
        return
    target, kind = _resolved(os.path.abspath(path))
    if kind in _WRITTEN_INTO and not only_files:
        with open(_open_special(target), "w", encoding=encoding) as out:
            yield out
        return
    if kind not in (None, stat.S_IFREG):
        raise _refusal(kind, target)
    with _replacing(target, mode) as temporary, open(temporary, "w", encoding=encoding) as out:
        yield out


@contextmanager
def _replacing(path: str, mode: int) -> Iterator[Path]:
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


def _resolved(path: str) -> tuple[str, int | None]:
    """The file that a symlink at ``path`` leads to, otherwise ``path``; and the type (a ``S_IF``
    constant) of what is there, None for nothing.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return path, None
    if stat.S_ISLNK(status.st_mode):
        try:
            # The kernel follows first: its fs.protected_symlinks refuses (EACCES) a link that
            # another user put into /tmp.
            status = os.stat(path)
        except FileNotFoundError:
            raise OSError(errno.ENOENT, "it is a symlink that leads nowhere", path) from None
        if stat.S_ISREG(status.st_mode):
            path = os.path.realpath(path)
            if not os.path.samestat(status, os.lstat(path)):
                raise OSError(errno.ELOOP, "it is a symlink that was changed meanwhile", path)
    return path, stat.S_IFMT(status.st_mode)


def _open_descriptor(path: str) -> int | None:
    """The open descriptor that ``path`` stands for, such as 1 for ``/dev/stdout``; else None."""
    descriptors = {os.path.realpath("/proc/self/fd"), "/dev/fd"}
    path = os.path.abspath(path)
    for _ in range(_MOST_LINKS):
        directory, name = os.path.split(path)
        directory = os.path.realpath(directory)
        if directory in descriptors and name.isascii() and name.isdigit():
            return int(name)
        try:
            path = os.path.join(directory, os.readlink(os.path.join(directory, name)))
        except OSError:
            return None
    return None


def _open_special(path: str) -> int:
    """Open a device or FIFO to write; opening a FIFO waits for its reader."""
    fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    kind = stat.S_IFMT(os.fstat(fd).st_mode)
    if kind not in _WRITTEN_INTO:
        os.close(fd)
        raise _refusal(kind, path)
    return fd


def _refusal(kind: int | None, path: str) -> OSError:
    what = FILE_KINDS.get(kind or 0, "not a regular file")
    return OSError(errno.EEXIST, f"it is {what}", path)
