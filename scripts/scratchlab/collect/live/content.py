"""The content of one regular file: its SHA-256, and its attributes where they are not read yet."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable
from typing import NamedTuple

from scratchlab.collect.live.file_status import FileStatus
from scratchlab.collect.live.limits import error_name
from scratchlab.collect.live.xattrs import read_xattrs
from scratchlab.errors import LabError

CHANGED = "changed while read"
EMPTY = hashlib.sha256(b"").hexdigest()
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BUFFER = 256 * 1024

Xattrs = tuple[tuple[str, bytes], ...]


class Content(NamedTuple):
    """What was read of a file; ``note`` is the reason why something was not, or None."""

    sha256: str | None
    note: str | None
    xattrs: Xattrs


class ContentReader:
    """Reads files by descriptors (O_PATH) of this process, in any of its threads. ``goes_on`` is
    called for each part of a large file; it returns whether to read on.
    """

    def __init__(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        self._goes_on = goes_on
        # Relative to this descriptor, the number of an O_PATH descriptor opens that same object:
        # no name is resolved again, so that no rename can put a device in its place.
        try:
            self._own_fds = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise LabError(f"/proc/self/fd: {error.strerror}", "mount /proc") from error
        self._local = threading.local()

    def close(self) -> None:
        """Nothing is read any more."""
        os.close(self._own_fds)

    def read(self, path_fd: int, seen: FileStatus, xattrs: Xattrs | None) -> Content:
        """The content of the file behind ``path_fd``, whose status was ``seen``; its attributes,
        too, unless they are ``xattrs``. Raises LabError where this process has no descriptors or
        memory left.
        """
        note = None
        try:
            opened = self._open(path_fd)
            try:
                if xattrs is None:
                    xattrs, note = read_xattrs(opened, is_opened=True)
                sha256, why = self._read(opened, seen)
            finally:
                os.close(opened)
        except OSError as error:
            sha256, why = None, f"unreadable: {error_name(error)}"
            if xattrs is None:
                xattrs, note = read_xattrs(path_fd)
        return Content(sha256, why or note, xattrs)

    def _open(self, path_fd: int) -> int:
        try:
            return os.open(str(path_fd), _FLAGS | os.O_NOATIME, dir_fd=self._own_fds)
        except PermissionError:  # O_NOATIME needs the owner, or CAP_FOWNER in its user namespace
            return os.open(str(path_fd), _FLAGS, dir_fd=self._own_fds)

    def _read(self, fd: int, seen: FileStatus) -> tuple[str | None, str | None]:
        if not _same_file(os.fstat(fd), seen):
            return None, CHANGED
        sha256 = self._hash(fd, seen.size)
        after = os.fstat(fd)
        unchanged = (after.st_size, after.st_mtime_ns, after.st_ctime_ns)
        if sha256 is None or unchanged != (seen.size, seen.mtime, seen.ctime):
            return None, CHANGED
        return sha256, None

    def _hash(self, fd: int, size: int) -> str | None:
        """SHA-256 of the first ``size`` bytes; None if there are fewer."""
        if size <= _BUFFER:
            data = os.read(fd, size)
            return hashlib.sha256(data).hexdigest() if len(data) == size else None
        try:
            buffer: memoryview = self._local.buffer
        except AttributeError:
            buffer = self._local.buffer = memoryview(bytearray(_BUFFER))
        digest, left = hashlib.sha256(), size
        while left:
            # Never beyond the first size: a file may grow as fast as it is read.
            count = os.readv(fd, [buffer[:left] if left < _BUFFER else buffer])
            if not count or not self._goes_on():
                return None
            digest.update(buffer[:count])
            left -= count
        return digest.hexdigest()


def _same_file(now: os.stat_result, seen: FileStatus) -> bool:
    device = os.makedev(*seen.device)
    return stat.S_ISREG(now.st_mode) and (now.st_dev, now.st_ino) == (device, seen.inode)
