"""The directories from the root to the walk's position, with a bounded number of them open.

A tree may be deeper than the number of descriptors that a process may have. Only the root and the
deepest directories stay open. An outer one that is needed again is reached from the root, one name
at a time, never through a symlink, and every directory on the way must still be the same. The walk
never uses ``..``: it leads to wherever a directory was moved meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from scratchlab.collect.live.file_status import FileStatus, status_of
from scratchlab.model import Entry

_DOWN = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KEEP_OPEN = 256


def open_below(root_fd: int, path: str) -> int:
    """The directory ``path`` below ``root_fd``, opened name by name (O_PATH), no link followed.

    Raises OSError.
    """
    fd = os.dup(root_fd)
    for name in path.strip("/").split("/") if path.strip("/") else ():
        outer = fd
        try:
            fd = os.open(name, _DOWN, dir_fd=outer)
        finally:
            os.close(outer)
    return fd


@contextmanager
def listing(fd: int) -> Iterator[Iterator[os.DirEntry[str]]]:
    """What is in the directory ``fd``, whose access time stays as it is where that is allowed.
    Raises OSError.
    """
    opened = open_listing(fd)
    try:
        with os.scandir(opened) as items:
            yield items
    finally:
        os.close(opened)


def open_listing(fd: int) -> int:
    """A descriptor that lists the directory ``fd``; see listing."""
    try:
        return os.open(".", _LIST | os.O_NOATIME, dir_fd=fd)
    except PermissionError:
        return os.open(".", _LIST, dir_fd=fd)


def lists(fd: int, names: Collection[str]) -> bool:
    """Whether the directory still lists all ``names``. What was removed is not listed any more; a
    whiteout in the only layer that has the directory stays listed, and nothing is found by its name
    (Linux fs/overlayfs/readdir.c ovl_iterate(): the listing of a directory that is not merged is
    that of its layer).
    """
    left = {*names}
    if left:
        try:
            with listing(fd) as items:
                left.difference_update(item.name for item in items)
        except OSError:
            return False
    return not left


class OpenDirectory:
    """A directory that is being read."""

    __slots__ = ("absent", "entry", "fd", "listed", "name", "note", "pending", "status")

    def __init__(self, name: str, fd: int, status: FileStatus, entry: Entry) -> None:
        self.name = name
        self.fd: int | None = fd
        self.status = status
        self.entry = entry
        self.listed = False
        self.pending: list[str] = []  # names in it that are still to be read, the next one last
        self.absent: list[str] = []  # names that were listed and that nothing was found by
        self.note: str | None = None


class MovedError(Exception):
    """The directory at this depth was moved, replaced or mounted over."""

    def __init__(self, depth: int) -> None:
        super().__init__(depth)
        self.depth = depth


class DirectoryStack:
    """The directories that are being read, the root first. ``keep``: how many stay open."""

    def __init__(self, keep: int = _KEEP_OPEN) -> None:
        self._stack: list[OpenDirectory] = []
        self._keep = keep

    def __len__(self) -> int:
        return len(self._stack)

    @property
    def last(self) -> OpenDirectory:
        """The deepest directory."""
        return self._stack[-1]

    def push(self, directory: OpenDirectory) -> None:
        """Enter ``directory``; this stack closes its descriptor."""
        self._stack.append(directory)
        outer = len(self._stack) - 1 - self._keep
        if outer > 0:
            self._close(self._stack[outer])

    def pop(self) -> OpenDirectory:
        """Leave the deepest directory and close it."""
        directory = self._stack.pop()
        self._close(directory)
        return directory

    def fd(self) -> int:
        """The O_PATH descriptor of the deepest directory.

        Raises MovedError if it was closed and its path does not lead to it any more.
        """
        fd = self.last.fd
        return self._reopen() if fd is None else fd

    def _reopen(self) -> int:
        root = self._stack[0].fd
        if root is None:
            raise ValueError("the directories are closed")
        at = root
        intermediate: int | None = None
        for depth, directory in enumerate(self._stack[1:], 1):
            try:
                fd = os.open(directory.name, _DOWN, dir_fd=at)
            except OSError:
                raise MovedError(depth) from None
            finally:
                if intermediate is not None:
                    os.close(intermediate)
                    intermediate = None
            if status_of(fd).identity != directory.status.identity:
                os.close(fd)
                raise MovedError(depth)
            if depth >= len(self._stack) - self._keep:
                directory.fd = fd
            else:
                intermediate = fd
            at = fd
        return at

    def close(self) -> None:
        """Close every directory."""
        for directory in self._stack:
            self._close(directory)

    @staticmethod
    def _close(directory: OpenDirectory) -> None:
        if directory.fd is not None:
            os.close(directory.fd)
            directory.fd = None
