"""The process that reads a live root, from its start to its end: what it is given, and what is
left of it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from typing import Self

import scratchlab
from scratchlab.errors import LabError

GRACE = 3.0  # seconds for a killed process to end
_POLL = 0.05  # seconds
# Isolated (-I), without site-packages (-S): the reader needs only the standard library.
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from scratchlab.collect.live.child import main; main(int(sys.argv[2]))"
)


class ReaderProcess:
    """A process that waits for a root to read, and for a task, on ``connection``; leaving the
    ``with`` block ends it. It takes a tenth of a second to start: start it early, before it is
    known which root is to be read.
    """

    def __init__(self) -> None:
        """Raises LabError where it cannot be started."""
        try:
            self.connection, theirs = socket.socketpair()
        except OSError as error:
            raise LabError(f"no socket can be made: {error.strerror}") from error
        try:
            self._process = _start(theirs.fileno())
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()
        self._is_given_up = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def give_root(self, root_fd: int) -> None:
        """Give it the root, of which ``root_fd`` is a descriptor. Raises OSError."""
        socket.send_fds(self.connection, [b"/"], [root_fd])

    def kill(self) -> None:
        """Kill it; it may not end while a filesystem keeps it waiting."""
        self._process.kill()

    def ended(self) -> bool:
        """Whether it ends within GRACE; whoever asks again need not wait again."""
        try:
            self._process.wait(0 if self._is_given_up else GRACE)
        except subprocess.TimeoutExpired:
            self._is_given_up = True
            return False
        return True

    def how(self) -> str:
        """How it ended, in words."""
        status = self._process.returncode
        if status is None:
            return "it still runs"
        return f"signal {-status}" if status < 0 else f"status {status}"

    def left(self) -> str:
        """What is left of it once it is killed, in words; empty where nothing is."""
        if not self.ended():
            return f"process {self.pid}"
        # The process that hashes for it, in its session, which has no other.
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            try:
                os.killpg(self.pid, 0)
            except OSError:
                return ""
            time.sleep(_POLL)
        return f"a process of the group {self.pid}"

    def close(self) -> None:
        """Kill it, and wait for its end."""
        self.kill()
        self.ended()
        with contextlib.suppress(OSError):
            self.connection.close()


def _start(connection_fd: int) -> subprocess.Popen[bytes]:
    package = os.path.dirname(os.path.dirname(os.path.abspath(scratchlab.__file__)))
    names = os.environ.keys() & {"TMPDIR", "SQLITE_TMPDIR"}
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, package, str(connection_fd)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(connection_fd,),
            cwd="/",
            env={name: os.environ[name] for name in names},
            start_new_session=True,
        )
    except OSError as error:
        raise LabError(f"{sys.executable} cannot be started: {error.strerror}") from error
