"""An engine's answer as a binary stream that archive readers can read from."""

from __future__ import annotations

import io
from collections.abc import Iterator

import requests
import urllib3

from scratchlab.errors import LabError

_BUFFER = 1 << 20


class _Chunks(io.RawIOBase):
    """The chunks of an HTTP answer, one after another."""

    def __init__(self, chunks: Iterator[bytes], what: str) -> None:
        super().__init__()
        self._chunks = chunks
        self._what = what
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(self._next())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _next(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise LabError(
                f"the engine broke off while it sent {self._what}",
                "see whether the engine still runs, then try again",
            ) from error


def stream(chunks: Iterator[bytes], what: str) -> io.BufferedReader:
    """A buffered stream over ``chunks``.

    Takes the chunks of an answer and the words that name it in an error. Reading raises LabError
    if the engine breaks off before the end.
    """
    return io.BufferedReader(_Chunks(chunks, what), _BUFFER)
