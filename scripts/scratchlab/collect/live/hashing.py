"""Hash the content of regular files: small ones where they are found, the others in a few threads,
with bounded queue and buffers.
"""

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

from scratchlab.collect.live.file_status import FileStatus, to_entry
from scratchlab.collect.live.limits import error_name
from scratchlab.collect.live.xattrs import read_xattrs
from scratchlab.errors import LabError
from scratchlab.model import Entry

CHANGED = "changed while read"
EMPTY = hashlib.sha256(b"").hexdigest()
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BUFFER = 256 * 1024
# Bytes of a file that is hashed where it is found: to hand it to a thread takes longer than to hash
# it, since both threads then wait for Python's lock at each call of the system.
SMALL = 64 * 1024
_BATCH_FILES = 32
_BATCH_BYTES = 4 << 20
_BATCHES_PER_WORKER = 2


class UnhashedFile(NamedTuple):
    """A regular file to be hashed. ``fd`` is O_PATH; the pool closes it. ``xattrs`` None: they are
    to be read with the content (of small files only: a batch of others would not be bounded).
    """

    fd: int
    path: str
    status: FileStatus
    xattrs: tuple[tuple[str, bytes], ...] | None = None
    note: str | None = None


class HashPool:
    """Hashes files: ``put`` them, take entries that are ``ready``, then ``finish``.

    The number of batches that are submitted to the threads bounds memory and open descriptors
    (workers x 2 x 32), however many files there are.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="hash")
        self._most_submitted = workers * _BATCHES_PER_WORKER
        self._submitted: deque[tuple[Future[list[Entry]], list[UnhashedFile]]] = deque()
        self._batch: list[UnhashedFile] = []
        self._bytes = 0
        self._small: list[Entry] = []
        self.beats = 0  # grows as long as the reading goes on
        self._stop = threading.Event()
        # Relative to this descriptor, the number of an O_PATH descriptor opens that same object:
        # no name is resolved again, so that no rename can put a device in its place.
        try:
            self._own_fds = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise LabError(f"/proc/self/fd: {error.strerror}", "mount /proc") from error
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        never_started = [batch for future, batch in self._submitted if future.cancelled()]
        for file in chain(self._batch, *never_started):
            os.close(file.fd)
        os.close(self._own_fds)

    def put(self, file: UnhashedFile) -> None:
        """Add a file. A small one is hashed here. Unless this raises, its descriptor belongs to the
        pool.
        """
        if file.status.size <= SMALL:
            self._small.append(self._read(file))
            os.close(file.fd)
            return
        self._batch.append(file)
        self._bytes += file.status.size + sum(len(value) for _, value in file.xattrs or ())
        if len(self._batch) >= _BATCH_FILES or self._bytes >= _BATCH_BYTES:
            self._submit()

    def ready(self) -> Iterator[Entry]:
        """The entries that are ready. Waits for some when too many batches are submitted."""
        small, self._small = self._small, []
        yield from small
        while len(self._submitted) > self._most_submitted or (
            self._submitted and self._submitted[0][0].done()
        ):
            yield from self._submitted.popleft()[0].result()

    def finish(self) -> Iterator[Entry]:
        """The remaining entries, once they are ready."""
        self._submit()
        yield from self.ready()
        while self._submitted:
            yield from self._submitted.popleft()[0].result()

    def _submit(self) -> None:
        if self._batch:
            future = self._threads.submit(self._read_batch, self._batch)
            self._submitted.append((future, self._batch))
            self._batch, self._bytes = [], 0

    def _read_batch(self, batch: list[UnhashedFile]) -> list[Entry]:
        remaining = iter(batch)
        try:
            return [self._read_and_close(file) for file in remaining]
        finally:
            for file in remaining:  # some remain only if an exception of ours ended the loop
                os.close(file.fd)

    def _read_and_close(self, file: UnhashedFile) -> Entry:
        try:
            return self._read(file)
        finally:
            os.close(file.fd)

    def _read(self, file: UnhashedFile) -> Entry:
        xattrs, note = file.xattrs, file.note
        try:
            opened = self._open(file.fd)
            try:
                if xattrs is None:
                    xattrs, note = read_xattrs(opened, is_opened=True)
                sha256, why = self._read_content(opened, file.status)
            finally:
                os.close(opened)
        except OSError as error:
            sha256, why = None, f"unreadable: {error_name(error)}"
            if xattrs is None:
                xattrs, note = read_xattrs(file.fd)
        return to_entry(file.path, file.status, xattrs, sha256=sha256, note=why or note)

    def _read_content(self, fd: int, seen: FileStatus) -> tuple[str | None, str | None]:
        if not _same_file(os.fstat(fd), seen):
            return None, CHANGED
        sha256 = self._hash(fd, seen.size)
        after = os.fstat(fd)
        unchanged = (after.st_size, after.st_mtime_ns, after.st_ctime_ns)
        if sha256 is None or unchanged != (seen.size, seen.mtime, seen.ctime):
            return None, CHANGED
        return sha256, None

    def _open(self, path_fd: int) -> int:
        try:
            return os.open(str(path_fd), _FLAGS | os.O_NOATIME, dir_fd=self._own_fds)
        except PermissionError:  # O_NOATIME needs the owner, or CAP_FOWNER in its user namespace
            return os.open(str(path_fd), _FLAGS, dir_fd=self._own_fds)

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
            if not count or self._stop.is_set():
                return None
            digest.update(buffer[:count])
            left -= count
            self.beats += 1
        return digest.hexdigest()


def _same_file(now: os.stat_result, seen: FileStatus) -> bool:
    device = os.makedev(*seen.device)
    return stat.S_ISREG(now.st_mode) and (now.st_dev, now.st_ino) == (device, seen.inode)
