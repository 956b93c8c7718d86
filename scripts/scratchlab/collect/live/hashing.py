"""Hash the content of regular files, with bounded queues and buffers: large ones in a few threads,
small ones in a process where there is one, else where they are found.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple, Self

from scratchlab.collect.live.content import Content, ContentReader, Xattrs
from scratchlab.collect.live.file_status import FileStatus, to_entry
from scratchlab.collect.live.hash_process import MOST_FILES, HashProcess
from scratchlab.collect.live.xattrs import cost
from scratchlab.model import Entry

# Bytes of a file that no thread hashes: to hand it over takes longer than to hash it, since both
# threads then wait for Python's lock at each call of the system.
_SMALL = 64 * 1024
_SMALL_APART = 1 << 20  # and of one that the process hashes
_UNANSWERED = 4  # batches of small files
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
    xattrs: Xattrs | None = None
    note: str | None = None


class HashPool:
    """Hashes files: ``put`` them, take entries that are ``ready``, then ``finish``.

    The number of batches that are submitted to the threads, and of those that the process has not
    answered, bounds memory and open descriptors, however many files there are.
    """

    def __init__(self, workers: int, apart: HashProcess | None = None, mount: int = 0) -> None:
        """``workers`` threads. ``apart``: it reads the small files of the mount with the id
        ``mount``, which must be the root's: no process of the container answers for it.
        """
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="hash")
        self._most_submitted = workers * _BATCHES_PER_WORKER
        self._submitted: deque[tuple[Future[list[Entry]], list[UnhashedFile]]] = deque()
        self._batch: list[UnhashedFile] = []
        self._bytes = 0
        self._small: list[Entry] = []
        self.beats = 0  # grows as long as the reading goes on
        self._stop = threading.Event()
        self._reader = ContentReader(self._goes_on)
        self._apart, self._mount = apart, mount
        self._waiting: list[UnhashedFile] = []  # small ones, for the process
        self._waiting_bytes = 0
        self._unanswered: deque[list[UnhashedFile]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        never_started = [batch for future, batch in self._submitted if future.cancelled()]
        for file in chain(self._batch, self._waiting, *never_started):
            os.close(file.fd)
        self._reader.close()

    def is_small(self, status: FileStatus) -> bool:
        """Whether no thread hashes the file: then its attributes are best read with its content."""
        return status.size <= (_SMALL_APART if self._is_apart(status) else _SMALL)

    def put(self, file: UnhashedFile) -> None:
        """Add a file. Unless this raises, its descriptor belongs to the pool."""
        if self.is_small(file.status):
            self._put_small(file)
            return
        self._batch.append(file)
        self._bytes += file.status.size + cost(file.xattrs or ())
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
        if self._apart is not None and self._waiting:
            self._send(self._apart, self._waiting)
        yield from self.ready()
        while self._apart is not None and self._unanswered:
            self._receive(self._apart)
            yield from self.ready()
        while self._submitted:
            yield from self._submitted.popleft()[0].result()

    def _put_small(self, file: UnhashedFile) -> None:
        if self._apart is None or not self._is_apart(file.status):
            self._small.append(self._read(file))
            os.close(file.fd)
            return
        size = self._waiting_bytes + file.status.size
        if len(self._waiting) < MOST_FILES - 1 and size < _BATCH_BYTES:
            self._waiting.append(file)
            self._waiting_bytes = size
        else:
            self._send(self._apart, [*self._waiting, file])

    def _is_apart(self, status: FileStatus) -> bool:
        return self._apart is not None and status.mount == self._mount

    def _send(self, apart: HashProcess, files: list[UnhashedFile]) -> None:
        if len(self._unanswered) == _UNANSWERED:
            self._receive(apart)
        apart.send([(file.fd, file.status) for file in files])
        self._unanswered.append(files)
        self._waiting, self._waiting_bytes = [], 0
        for file in files:
            os.close(file.fd)

    def _receive(self, apart: HashProcess) -> None:
        for file in self._unanswered.popleft():
            self._small.append(_entry(file, apart.receive()))
            self.beats += 1

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
        return _entry(file, self._reader.read(file.fd, file.status, file.xattrs))

    def _goes_on(self) -> bool:
        self.beats += 1
        return not self._stop.is_set()


def _entry(file: UnhashedFile, content: Content) -> Entry:
    sha256, note, xattrs = content
    return to_entry(file.path, file.status, xattrs, sha256=sha256, note=note or file.note)
