"""The directories between the root and where the walk is, with a bounded number of them open.

A tree may be deeper than a process may have descriptors. Only the root and the deepest directories
stay open; an outer one that is needed again is reached by going down from the root, one name at a
time, never through a symlink, and every directory on the way must still be the same one. The walk
never goes up: ``..`` leads to wherever a directory was moved to meanwhile.
"""

from __future__ import annotations

import os

from scratchlab.collect.live.look import Look, look
from scratchlab.model import Entry

_DOWN = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
KEEP = 256


class OpenDirectory:
    """A directory that is being read."""

    __slots__ = ("entry", "fd", "listed", "look", "name", "note", "pending")

    def __init__(self, name: str, fd: int, seen: Look, entry: Entry) -> None:
        self.name = name
        self.fd: int | None = fd
        self.look = seen
        self.entry = entry
        self.listed = False
        self.pending: list[str] = []  # directories in it that are still to be read
        self.note: str | None = None


class MovedError(Exception):
    """The directory at this depth is not where it was: renamed, replaced or mounted over."""

    def __init__(self, depth: int) -> None:
        super().__init__(depth)
        self.depth = depth


class OpenDirectories:
    """A stack of directories, the root first."""

    def __init__(self, keep: int = KEEP) -> None:
        self._stack: list[OpenDirectory] = []
        self._keep = keep

    def __len__(self) -> int:
        return len(self._stack)

    @property
    def last(self) -> OpenDirectory:
        """The deepest one."""
        return self._stack[-1]

    def push(self, directory: OpenDirectory) -> None:
        """Go down into ``directory``; its descriptor is closed by this stack."""
        self._stack.append(directory)
        outer = len(self._stack) - 1 - self._keep
        if outer > 0:
            self._close(self._stack[outer])

    def pop(self) -> OpenDirectory:
        """Leave the deepest one, and close it."""
        directory = self._stack.pop()
        self._close(directory)
        return directory

    def fd(self) -> int:
        """The O_PATH descriptor of the deepest one.

        Raises MovedError if it was closed meanwhile and its names do not lead to it any more.
        """
        fd = self.last.fd
        return self._descend() if fd is None else fd

    def _descend(self) -> int:
        root = self._stack[0].fd
        if root is None:
            raise ValueError("the directories are closed")
        at = root
        passing: int | None = None
        for depth, directory in enumerate(self._stack[1:], 1):
            try:
                fd = os.open(directory.name, _DOWN, dir_fd=at)
            except OSError:
                raise MovedError(depth) from None
            finally:
                if passing is not None:
                    os.close(passing)
                    passing = None
            if look(fd).identity != directory.look.identity:
                os.close(fd)
                raise MovedError(depth)
            if depth >= len(self._stack) - self._keep:
                directory.fd = fd
            else:
                passing = fd
            at = fd
        return at

    def close(self) -> None:
        """Close every one."""
        for directory in self._stack:
            self._close(directory)

    @staticmethod
    def _close(directory: OpenDirectory) -> None:
        if directory.fd is not None:
            os.close(directory.fd)
            directory.fd = None
