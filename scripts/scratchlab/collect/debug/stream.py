"""What the agent says, over the engine's attached connection: frames, and in them records."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
from typing import Any, NamedTuple, Self

from scratchlab.errors import LabError

_FRAME = struct.Struct(">B3xI")  # Docker Engine API, "attach to a container", stream format
_RECORD = struct.Struct("<cI")
_OUT, _ERR = 1, 2
_SILENCE = 60.0  # seconds: the agent says at least every 2 s that it reads on
_MOST_BYTES = 64 << 20  # of one record: a long mountinfo; an entry has less than one MiB
_MOST_ERRORS = 4096


class Record(NamedTuple):
    """One record: its letter (see agent/output.go and agent/walk.go) and its body."""

    letter: bytes
    body: bytes


class Connection:
    """The agent's standard streams. Leaving the ``with`` block ends them."""

    def __init__(self, attached: Any) -> None:
        # The SDK gives a SocketIO, or the bare TLS socket; it must live as long as we read.
        self._attached = attached
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._socket.settimeout(_SILENCE)
        self._frames = _Frames(self._socket)
        self._out = io.BufferedReader(self._frames, 1 << 16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._attached.close()
        self._socket.close()

    def go(self) -> None:
        """Let the agent go on to the next step."""
        try:
            self._socket.sendall(b"\n")
        except OSError as error:
            raise self._broken() from error

    def next(self) -> Record:
        """The next record. Raises LabError where there is none, or none for a minute."""
        try:
            head = self._exactly(_RECORD.size)
            letter, size = _RECORD.unpack(head)
            if size > _MOST_BYTES:
                raise LabError(f"the debug container sent a record of {size} bytes")
            body = self._exactly(size)
        except TimeoutError as error:
            raise LabError(
                f"the debug container said nothing for {_SILENCE:.0f} s: a filesystem of the"
                " container does not answer",
                "see its mounts: scratchlab why CONTAINER /",
            ) from error
        except OSError as error:
            raise self._broken() from error
        if letter == b"X":
            raise LabError(f"the debug container could not read on: {_words(body)}")
        return Record(letter, body)

    def _exactly(self, size: int) -> bytes:
        data = self._out.read(size)
        if data is None or len(data) < size:
            raise self._broken()
        return data

    def _broken(self) -> LabError:
        said = _words(bytes(self._frames.errors))
        return LabError(
            "the debug container ended before it had told all" + (f": {said}" if said else ""),
            "see whether the container that is examined still runs, then run it again",
        )


class _Frames(io.RawIOBase):
    """Standard output out of the frames that the engine wraps around both outputs."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._socket = connection
        self._left = 0
        self.errors = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            head = self._exactly(_FRAME.size)
            if not head:
                return 0
            kind, size = _FRAME.unpack(head)
            if kind == _OUT:
                self._left = size
            elif kind == _ERR:
                self.errors += self._exactly(size)
                del self.errors[_MOST_ERRORS:]
            else:
                raise LabError("the engine's answer to attach has no frames: it is no Docker API")
        count = self._socket.recv_into(buffer, min(len(buffer), self._left))
        self._left = self._left - count if count else 0
        return count

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._socket.recv(min(size - len(data), 1 << 16))
            if not part:
                return b""
            data += part
        return bytes(data)


def _words(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "surrogateescape").split())[:400]
