"""Files of a process's root on this machine, by descriptors and without following a link.

Linux only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from scratchlab.collect.live.closed import ClosedWays

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 16


class HostRootFiles:
    """Files below the open directory ``root_fd`` (O_PATH) of a process on this machine."""

    def __init__(self, root_fd: int, closed: ClosedWays) -> None:
        self._root_fd = root_fd
        self._closed = closed

    def heads(self, paths: Iterable[str], size: int) -> Iterator[bytes | None]:
        """See ``RootFiles``."""
        for path in paths:
            with self._open(path) as fd:
                yield None if fd is None else _read(fd, size)

    def copy(self, path: str, most: int, out: IO[bytes]) -> bool:
        """See ``RootFiles``."""
        with self._open(path) as fd:
            while fd is not None and most >= 0:
                piece = _read(fd, min(_PIECE, most + 1))
                if not piece:
                    return piece is not None
                out.write(piece[:most])
                most -= len(piece)
        return False

    def names(self, path: str, most: int) -> list[str] | None:
        """See ``RootFiles``."""
        names: list[str] = []
        with self._closed.reach(self._root_fd, path) as reached:
            if reached is None:
                return None
            try:
                listing = os.open(".", _LIST, dir_fd=reached)
            except OSError:
                return None
            try:
                with os.scandir(listing) as items:
                    for item in items:
                        if len(names) == most:
                            return None
                        names.append(item.name)
            except OSError:
                return None
            finally:
                os.close(listing)
        return sorted(names)

    @contextmanager
    def _open(self, path: str) -> Iterator[int | None]:
        """The regular file at ``path``, open for reading during the block."""
        with self._closed.reach(self._root_fd, path) as reached:
            fd = None if reached is None else _open_regular(reached)
            try:
                yield fd
            finally:
                if fd is not None:
                    os.close(fd)


def _open_regular(path_fd: int) -> int | None:
    """Open what ``path_fd`` stands for: its number leads to that very object (``live.hashing``)."""
    try:
        if not stat.S_ISREG(os.fstat(path_fd).st_mode):
            return None
        try:
            return os.open(f"/proc/self/fd/{path_fd}", _READ | os.O_NOATIME)
        except PermissionError:
            return os.open(f"/proc/self/fd/{path_fd}", _READ)
    except OSError:
        return None


def _read(fd: int, size: int) -> bytes | None:
    try:
        return os.read(fd, size)
    except OSError:
        return None
