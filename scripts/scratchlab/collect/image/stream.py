"""A forward-only stream in pieces, and their digests; nothing is copied without need."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO, Self

from scratchlab.errors import LabError

Pieces = Iterator[memoryview]
_READ_SIZE = 1 << 20
_WAITING = 4  # pieces (of up to 1 MiB) that may wait to be hashed
_SMALL = 32 * 1024  # bytes: handing over to the thread costs more than hashing this much
_Work = tuple["hashlib._Hash", memoryview]


def read_pieces(stream: BinaryIO, progress: Callable[[int], None] | None = None) -> Pieces:
    """The bytes of ``stream`` in pieces of up to 1 MiB, each its own memory.

    ``progress`` is called with the number of bytes so far. Raises LabError when reading fails.
    """
    total = 0
    while True:
        try:
            piece = stream.read(_READ_SIZE)
        except OSError as error:
            raise LabError(f"cannot read the archive: {error.strerror or error}") from error
        if not piece:
            return
        total += len(piece)
        if progress is not None:
            progress(total)
        yield memoryview(piece)


class Cursor:
    """A position in a sequence of pieces: looks ahead, takes, and passes on without copying."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._at = 0
        self._passed = 0

    @property
    def position(self) -> int:
        """How many bytes were taken so far."""
        return self._passed + self._at

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end; the position stays."""
        if len(self._piece) - self._at < size:
            self._join(size)
        return bytes(self._piece[self._at : self._at + size])

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        end = self._at + size
        if end > len(self._piece):
            self._join(size)
            end = min(self._at + size, len(self._piece))
        taken = bytes(self._piece[self._at : end])
        self._at = end
        return taken

    def run(self, size: int) -> Pieces:
        """The next ``size`` bytes piece by piece; fewer at the end."""
        while size > 0:
            if self._at == len(self._piece) and not self._next():
                return
            piece = self._piece[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def rest(self) -> Pieces:
        """All remaining bytes, piece by piece."""
        while self._at < len(self._piece) or self._next():
            piece = self._piece[self._at :]
            self._at = len(self._piece)
            yield piece

    def some(self, most: int) -> memoryview:
        """Up to ``most`` bytes of the current piece; empty only at the end."""
        if self._at == len(self._piece):
            self._next()
        piece = self._piece[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def give_back(self, size: int) -> None:
        """Return the last ``size`` bytes of what :meth:`some` returned, to be read again."""
        self._at -= size

    def skip(self, size: int) -> int:
        """Skip ``size`` bytes; returns how many there were."""
        return sum(map(len, self.run(size)))

    def _next(self) -> bool:
        self._passed += len(self._piece)
        self._at = 0
        self._piece = memoryview(b"")
        for piece in self._pieces:
            if piece:
                self._piece = piece
                return True
        return False

    def _join(self, size: int) -> None:
        """Make the next ``size`` bytes (few) one piece."""
        parts = [self._piece[self._at :]]
        missing = size - len(parts[0])
        while missing > 0:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            missing -= len(piece)
        if len(parts) > 1:
            self._passed += self._at
            self._piece, self._at = memoryview(b"".join(parts)), 0


class HashThread:
    """A context manager with one thread that hashes pieces while the caller parses them.

    hashlib releases the GIL. Pieces are hashed in the order in which they are submitted.
    """

    def __init__(self) -> None:
        self._work: queue.Queue[_Work | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="diff-id", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._work.put(None)
        self._thread.join()

    def tee(self, pieces: Pieces) -> tuple[Pieces, RunningDigest]:
        """``pieces`` unchanged, and the digest of those read so far."""
        digest = RunningDigest(self)
        return digest.update_with(pieces), digest

    def wait(self) -> None:
        """Wait until everything submitted is hashed."""
        self._work.join()

    def submit(self, state: hashlib._Hash, piece: memoryview) -> None:
        """Hash ``piece`` in the thread."""
        self._work.put((state, piece))

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            state, piece = work
            state.update(piece)
            self._work.task_done()


class RunningDigest:
    """SHA-256 of pieces that pass by."""

    def __init__(self, thread: HashThread) -> None:
        self._thread = thread
        self._state = hashlib.sha256()
        self._pending = False  # whether the thread may still be at work on it

    def update_with(self, pieces: Pieces) -> Pieces:
        """``pieces``, each hashed as it passes."""
        for piece in pieces:
            if len(piece) <= _SMALL and not self._pending:
                self._state.update(piece)
            else:
                self._pending = True
                self._thread.submit(self._state, piece)
            yield piece

    def value(self) -> str:
        """``sha256:`` and the hexadecimal digest of what passed so far."""
        if self._pending:
            self._thread.wait()
            self._pending = False
        return f"sha256:{self._state.hexdigest()}"
