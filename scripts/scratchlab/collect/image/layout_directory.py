"""The members of an image that lies in a directory: an OCI layout, ``skopeo copy ... dir:``.

The directory may be a hostile one, and change meanwhile. A member is opened by its name from
descriptor to descriptor, no symlink is followed by the kernel, and only regular files are read, up
to the size that they had when they were opened. Nothing is listed: a member that no document names
is not looked at.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from scratchlab.atomic import FILE_KINDS
from scratchlab.collect.image.blobs import Blobs
from scratchlab.collect.image.layers import paths
from scratchlab.collect.image.limits import GIB, ArchiveLimits
from scratchlab.collect.image.problems import UnreadableError, display
from scratchlab.collect.image.stream import Pieces, read_pieces
from scratchlab.errors import LabError

# blobs/sha256/HEX has three components, and no format has more.
_DEEPEST = 8
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Opening never waits for the writer of a FIFO or for a lease of another process.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BLOCK = 512  # bytes, of st_blocks (stat(2))
ReadFile = Callable[[bytes, Pieces, int], None]  # path key, content, size in bytes


class LayoutDirectory:
    """Puts a directory's files into ``blobs`` when they are asked for.

    ``progress`` is called with the number of bytes read so far.
    """

    def __init__(
        self,
        fd: int,
        blobs: Blobs,
        limits: ArchiveLimits,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._fd = fd
        self._blobs = blobs
        self._limits = limits
        self._progress = progress
        self._known: dict[tuple[int, int], bytes] = {}  # device and inode -> the first name
        self._read = 0
        self._size = 0
        self.stored = 0  # bytes that the files read so far take on their disk

    def load(self, key: bytes, read: ReadFile) -> None:
        """Pass the file with the path key ``key`` to ``read``, or link it where it is a symlink.

        Nothing happens where there is no such file. Raises UnreadableError or LabError.
        """
        parts = key.split(b"\0")[1:]
        if not 0 < len(parts) <= _DEEPEST:
            return
        name = display(b"/".join(parts))
        try:
            with self._parent(parts[:-1]) as directory:
                self._load(directory, key, name, read)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _not_followed(name) from None
            raise LabError(
                f"cannot read {name}: {error.strerror}", "check its owner, its mode and its disk"
            ) from error

    @contextmanager
    def _parent(self, parts: list[bytes]) -> Iterator[int]:
        fd = os.dup(self._fd)
        try:
            for part in parts:
                status = os.stat(part, dir_fd=fd, follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                inner = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def _load(self, directory: int, key: bytes, name: str, read: ReadFile) -> None:
        part = key.rpartition(b"\0")[2]
        status = os.stat(part, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            self._blobs.link(key, _target(key, os.readlink(part, dir_fd=directory), name))
            return
        _check_regular(status, name)
        with open(os.open(part, _FILE, dir_fd=directory), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            _check_regular(status, name)
            inode = (status.st_dev, status.st_ino)
            first = self._known.setdefault(inode, key)
            if first != key:
                self._blobs.link(key, first)
                return
            self._take(status, name)
            read(key, self._pieces(file, status.st_size, name), status.st_size)

    def _take(self, status: os.stat_result, name: str) -> None:
        """Count a file; raises LabError when all are mostly holes: reading these takes for ever."""
        self._size += status.st_size
        self.stored += status.st_blocks * _BLOCK
        limits = self._limits
        if self._size > limits.unpacked and self._size > limits.ratio * self.stored:
            raise LabError(
                f"{name} is a sparse file: the directory's files have more than "
                f"{limits.unpacked / GIB:g} GiB and more than {limits.ratio} times what they take "
                "on the disk",
                "do not load this image",
            )

    def _pieces(self, file: BinaryIO, size: int, name: str) -> Pieces:
        left = size
        for piece in read_pieces(file):
            taken = piece[:left]
            left -= len(taken)
            self._read += len(taken)
            if self._progress is not None:
                self._progress(self._read)
            yield taken
            if len(taken) < len(piece):
                break
        if left:
            raise LabError(f"{name} became shorter while it was read", "read the image again")


def _check_regular(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = FILE_KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise UnreadableError(
            f"{name} is {kind}, and only regular files are read", "put the blob in its place"
        )


def _target(key: bytes, target: bytes, name: str) -> bytes:
    """The path key that the symlink ``key`` leads to: within the directory only."""
    directory = key.rpartition(b"\0")[0].replace(b"\0", b"/")[1:]
    path = directory + b"/" + target
    if target.startswith(b"/") or paths.leaves_root(path):
        raise _not_followed(name)
    return paths.to_key(path)


def _not_followed(name: str) -> UnreadableError:
    return UnreadableError(
        f"{name} is or lies below a symlink that may lead out of the directory: not followed",
        "copy the directory with its links replaced: cp -rL DIRECTORY COPY",
    )
