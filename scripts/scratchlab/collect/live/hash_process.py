"""A process that reads small files for the walk: two threads of one would wait for Python's lock at
each call of the system.

Descriptors (O_PATH) go to it, so that no name is resolved again, and contents come back.
"""

from __future__ import annotations

import contextlib
import ctypes
import marshal
import os
import signal
import socket
import struct
import time
from collections.abc import Sequence
from typing import BinaryIO, NoReturn, Self

from scratchlab.collect.live.content import Content, ContentReader
from scratchlab.collect.live.file_status import FileStatus
from scratchlab.errors import LabError

MOST_FILES = 32  # of one batch; the kernel takes 253 descriptors (SCM_MAX_FD)
_MOST_BYTES = 1 << 16  # of a request
_LENGTH = struct.Struct("<I")
_BEAT = 0.2  # seconds between two answers that are sent while a batch goes on
_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h


class HashProcess:
    """The process, and the batches that it has not answered. To be made before any thread is."""

    def __init__(self) -> None:
        """Raises OSError where no process can be made."""
        # One request is one message, so that its descriptors stay with it.
        self._requests, requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        answers, writing = socket.socketpair()
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            for connection in (self._requests, requests, answers, writing):
                connection.close()
            raise
        if not self.pid:
            _serve(requests.detach(), writing.detach(), parent)
        requests.close()
        writing.close()
        self._answers: BinaryIO = os.fdopen(answers.detach(), "rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._requests.close()
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)  # not reaped yet: the number is still its own
        os.waitpid(self.pid, 0)
        self._answers.close()

    def send(self, files: Sequence[tuple[int, FileStatus]]) -> None:
        """Let it read ``files`` (at most MOST_FILES): descriptors, which stay the caller's, and
        what their status was. Raises LabError where it has ended.
        """
        request = marshal.dumps([tuple(status) for _, status in files])
        try:
            socket.send_fds(self._requests, [request], [fd for fd, _ in files])
        except OSError as error:
            raise _ended() from error

    def receive(self) -> Content:
        """The content of the first file that was not received yet. Raises LabError."""
        (size,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        # marshal: the other side is a copy of this program.
        error, content = marshal.loads(self._exactly(size))  # noqa: S302
        if error is not None:
            raise LabError(*error)
        return Content(*content)

    def _exactly(self, size: int) -> bytes:
        data = self._answers.read(size)
        if len(data) < size:
            raise _ended()
        return data


def _ended() -> LabError:
    return LabError(
        "the process that hashes small files ended before it was done",
        "run it again; it may have run out of memory: see `dmesg`",
    )


def _serve(requests_fd: int, answers_fd: int, parent: int) -> NoReturn:
    """Answer requests until the other side is gone."""
    status = 1
    try:
        # What keeps it waiting for a file must not keep it longer than its parent.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(status)
        _close_all_but(requests_fd, answers_fd)
        with (
            socket.socket(fileno=requests_fd) as requests,
            open(answers_fd, "wb") as answers,
        ):
            reader = ContentReader()
            while True:
                request, fds, *_ = socket.recv_fds(requests, _MOST_BYTES, MOST_FILES)
                if not request:
                    break
                _answer(reader, request, fds, answers)
        status = 0
    finally:
        os._exit(status)  # whatever the copied program would do at its end


def _answer(reader: ContentReader, request: bytes, fds: Sequence[int], answers: BinaryIO) -> None:
    seen = [FileStatus(*values) for values in marshal.loads(request)]  # noqa: S302 - as above
    sent = time.monotonic()
    for fd, status in zip(fds, seen, strict=True):
        try:
            answer = marshal.dumps((None, tuple(reader.read(fd, status, None))))
        except LabError as error:
            answer = marshal.dumps(((error.what, error.remedy), None))
        os.close(fd)
        answers.write(_LENGTH.pack(len(answer)) + answer)
        if (now := time.monotonic()) > sent + _BEAT:
            answers.flush()
            sent = now
    answers.flush()


def _close_all_but(*kept: int) -> None:
    """Close the caller's descriptors: as long as one is open, no other side sees that it is gone.
    (``os.closerange`` tries each number up to a limit that may be a thousand million.)
    """
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in kept:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(fd)
