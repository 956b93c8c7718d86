"""A stream that can only be read forward, in pieces that are never copied without need."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO, Self

from scratchlab.errors import LabError

BLOCK = 1 << 20
Pieces = Iterator[memoryview]


def blocks(stream: BinaryIO, progress: Callable[[int], None] | None = None) -> Pieces:
    """The bytes of ``stream`` in blocks of up to 1 MiB, each its own memory.

    ``progress`` is called with the number of bytes so far. Raises LabError when reading fails.
    """
    total = 0
    while True:
        try:
            block = stream.read(BLOCK)
        except OSError as error:
            raise LabError(f"cannot read the archive: {error.strerror or error}") from error
        if not block:
            return
        total += len(block)
        if progress is not None:
            progress(total)
        yield memoryview(block)


class Cursor:
    """A place in a row of pieces: looks ahead, takes, and passes on without copying."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._now = memoryview(b"")
        self._at = 0
        self._gone = 0

    @property
    def position(self) -> int:
        """How many bytes were taken so far."""
        return self._gone + self._at

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes (fewer at the end), which stay there."""
        if len(self._now) - self._at < size:
            self._join(size)
        return bytes(self._now[self._at : self._at + size])

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        end = self._at + size
        if end > len(self._now):
            self._join(size)
            end = min(self._at + size, len(self._now))
        found = bytes(self._now[self._at : end])
        self._at = end
        return found

    def run(self, size: int) -> Pieces:
        """The next ``size`` bytes piece by piece; fewer at the end."""
        while size > 0:
            if self._at == len(self._now) and not self._next():
                return
            piece = self._now[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def rest(self) -> Pieces:
        """Everything that is left, piece by piece."""
        while self._at < len(self._now) or self._next():
            piece = self._now[self._at :]
            self._at = len(self._now)
            yield piece

    def some(self) -> memoryview:
        """What is at hand, at most one piece; empty only at the end."""
        if self._at == len(self._now):
            self._next()
        piece = self._now[self._at :]
        self._at = len(self._now)
        return piece

    def give_back(self, size: int) -> None:
        """Put the last ``size`` bytes of what :meth:`some` gave back."""
        self._at -= size

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; says how many there were."""
        return sum(map(len, self.run(size)))

    def _next(self) -> bool:
        self._gone += len(self._now)
        self._at = 0
        self._now = memoryview(b"")
        for piece in self._pieces:
            if piece:
                self._now = piece
                return True
        return False

    def _join(self, size: int) -> None:
        """Bring ``size`` bytes (small) together in one piece."""
        parts = [self._now[self._at :]]
        missing = size - len(parts[0])
        while missing > 0:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            missing -= len(piece)
        if len(parts) > 1:
            self._gone += self._at
            self._now, self._at = memoryview(b"".join(parts)), 0


# Digests beside the reading: one thread hashes while the other parses (hashlib frees the GIL).


_WAITING = 4  # pieces (of up to 1 MiB) that may wait to be hashed
_SMALL = 32 * 1024  # handing over to the thread costs more than hashing this much

_Work = tuple["hashlib._Hash", memoryview]


class Digests:
    """A context manager with one thread that hashes pieces in the order they are handed over."""

    def __init__(self) -> None:
        self._work: queue.Queue[_Work | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="diff-id", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._work.put(None)
        self._thread.join()

    def through(self, pieces: Pieces) -> tuple[Pieces, Digest]:
        """``pieces`` unchanged, and the digest of what of them was read."""
        digest = Digest(self)
        return digest.over(pieces), digest

    def wait(self) -> None:
        """Return when everything handed over is hashed."""
        self._work.join()

    def hand(self, state: hashlib._Hash, piece: memoryview) -> None:
        """Hash ``piece`` in the thread."""
        self._work.put((state, piece))

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            state, piece = work
            state.update(piece)
            self._work.task_done()


class Digest:
    """SHA-256 of pieces that pass by."""

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._state = hashlib.sha256()
        self._behind = False  # whether the thread may still be at work on it
        self.size = 0

    def over(self, pieces: Pieces) -> Pieces:
        """``pieces``, each hashed as it passes."""
        for piece in pieces:
            self.size += len(piece)
            if len(piece) <= _SMALL and not self._behind:
                self._state.update(piece)
            else:
                self._behind = True
                self._digests.hand(self._state, piece)
            yield piece

    def name(self) -> str:
        """``sha256:`` and the hexadecimal digest of what passed so far."""
        if self._behind:
            self._digests.wait()
            self._behind = False
        return f"sha256:{self._state.hexdigest()}"
