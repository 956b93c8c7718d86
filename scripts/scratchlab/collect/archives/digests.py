"""Digests beside the reading: one thread hashes while the other parses (hashlib frees the GIL)."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import Self

from scratchlab.collect.archives.stream import Pieces

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
