"""Content of regular files, hashed by a small pool of threads with bounded queue and buffers."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple, Self

from scratchlab.collect.live.limits import error_name
from scratchlab.collect.live.look import Look, entry
from scratchlab.errors import LabError
from scratchlab.model import Entry

CHANGED = "changed while read"
EMPTY = hashlib.sha256(b"").hexdigest()
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BUFFER = 256 * 1024
_BATCH_FILES = 32
_BATCH_BYTES = 4 << 20
_BATCHES_PER_WORKER = 2


class Unread(NamedTuple):
    """A regular file that waits to be hashed; ``fd`` is O_PATH and is closed by whoever reads."""

    fd: int
    path: str
    look: Look
    xattrs: tuple[tuple[str, bytes], ...]
    note: str | None


class Pool:
    """Hashes files in batches: ``put`` them in, take the entries that are ``ready``, ``finish``.

    Batches keep the cost per small file low; the number of batches under way bounds memory and
    open descriptors (workers x 2 x 32), however many files there are.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="hash")
        self._room = workers * _BATCHES_PER_WORKER
        self._under_way: deque[tuple[Future[list[Entry]], list[Unread]]] = deque()
        self._batch: list[Unread] = []
        self._bytes = 0
        self._stop = threading.Event()
        # Relative to this descriptor, an O_PATH descriptor's number opens the very object that
        # was looked at: no name is resolved again, so no rename can put a device in its place.
        try:
            self._own_fds = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise LabError(f"/proc/self/fd: {error.strerror}", "mount /proc here") from error
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        never_read = [batch for future, batch in self._under_way if future.cancelled()]
        for unread in chain(self._batch, *never_read):
            os.close(unread.fd)
        os.close(self._own_fds)

    def put(self, unread: Unread) -> None:
        """Take one more file, and its descriptor."""
        self._batch.append(unread)
        self._bytes += unread.look.size + sum(len(value) for _, value in unread.xattrs)
        if len(self._batch) >= _BATCH_FILES or self._bytes >= _BATCH_BYTES:
            self._submit()

    def ready(self) -> Iterator[Entry]:
        """The entries that are ready; waits for some when enough is under way."""
        while len(self._under_way) > self._room or (
            self._under_way and self._under_way[0][0].done()
        ):
            yield from self._under_way.popleft()[0].result()

    def finish(self) -> Iterator[Entry]:
        """Wait for the rest."""
        self._submit()
        while self._under_way:
            yield from self._under_way.popleft()[0].result()

    def _submit(self) -> None:
        if self._batch:
            future = self._threads.submit(self._read_batch, self._batch)
            self._under_way.append((future, self._batch))
            self._batch, self._bytes = [], 0

    def _read_batch(self, batch: list[Unread]) -> list[Entry]:
        waiting = iter(batch)
        try:
            return [self._read(unread) for unread in waiting]
        finally:
            for unread in waiting:  # there are some left only if a fault of our own ended it
                os.close(unread.fd)

    def _read(self, unread: Unread) -> Entry:
        try:
            sha256, note = self._content(unread.fd, unread.look)
        except OSError as error:
            sha256, note = None, f"unreadable: {error_name(error)}"
        finally:
            os.close(unread.fd)
        return entry(
            unread.path, unread.look, unread.xattrs, sha256=sha256, note=note or unread.note
        )

    def _content(self, path_fd: int, seen: Look) -> tuple[str | None, str | None]:
        fd = self._open(path_fd)
        try:
            if not _same_file(os.fstat(fd), seen):
                return None, CHANGED
            sha256 = self._hash(fd, seen.size)
            after = os.fstat(fd)
        finally:
            os.close(fd)
        unchanged = (after.st_size, after.st_mtime_ns, after.st_ctime_ns)
        if sha256 is None or unchanged != (seen.size, seen.mtime, seen.ctime):
            return None, CHANGED
        return sha256, None

    def _open(self, path_fd: int) -> int:
        try:
            return os.open(str(path_fd), _FLAGS | os.O_NOATIME, dir_fd=self._own_fds)
        except PermissionError:  # O_NOATIME is for the owner, or CAP_FOWNER over its user namespace
            return os.open(str(path_fd), _FLAGS, dir_fd=self._own_fds)

    def _hash(self, fd: int, size: int) -> str | None:
        """SHA-256 of the first ``size`` bytes, None if there are fewer."""
        if size <= _BUFFER:
            data = os.read(fd, size)
            return hashlib.sha256(data).hexdigest() if len(data) == size else None
        try:
            buffer: memoryview = self._local.buffer
        except AttributeError:
            buffer = self._local.buffer = memoryview(bytearray(_BUFFER))
        digest, left = hashlib.sha256(), size
        while left:
            # Never past the size that was seen: a file that grows as fast as it is read ends.
            count = os.readv(fd, [buffer[:left] if left < _BUFFER else buffer])
            if not count or self._stop.is_set():
                return None
            digest.update(buffer[:count])
            left -= count
        return digest.hexdigest()


def _same_file(now: os.stat_result, seen: Look) -> bool:
    device = os.makedev(*seen.device)
    return stat.S_ISREG(now.st_mode) and (now.st_dev, now.st_ino) == (device, seen.inode)
