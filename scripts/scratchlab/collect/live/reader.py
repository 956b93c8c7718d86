"""Read a live root in a process of its own, which can be abandoned.

A filesystem that is not known to wait for somebody may do so all the same, and then no signal ends
the process that asked it. So the process is another one: it has none of this program's descriptors
and a session of its own, writes the ledger itself, and starts while the image is still read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Self

import scratchlab
from scratchlab import codec, temporary
from scratchlab.collect.live import messages
from scratchlab.collect.live.limits import WalkLimits
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger, temporary_directory
from scratchlab.model import Mount
from scratchlab.reading import UserDataRead

SILENCE = 60.0  # seconds without progress after which the process is given up
_GRACE = 3.0  # seconds for a killed process to end
_POLL = 0.05  # seconds
_WORKERS = 2  # threads that hash
# Isolated (-I), without site-packages (-S): the reader needs only the standard library.
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from scratchlab.collect.live.child import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)


class RootReader:
    """A process that reads the root ``root_fd``. Leaving the ``with`` block ends it.

    ``mounts`` and ``engine_devices``: as of :func:`scratchlab.collect.live.read_root`.
    ``silence``: seconds without progress after which it is given up.
    """

    def __init__(
        self,
        root_fd: int,
        mounts: Sequence[Mount],
        engine_devices: Collection[tuple[int, int]] | None,
        *,
        limits: WalkLimits | None = None,
        silence: float = SILENCE,
    ) -> None:
        self._silence = silence
        self._abandoned = False
        self._directory = temporary.make("reading", temporary_directory())
        self._ledger = os.path.join(self._directory, "live")
        ours, theirs = socket.socketpair()
        self._connection = ours
        try:
            self._process = _start(theirs.fileno(), root_fd)
            ours.settimeout(silence)
            messages.send(
                ours,
                {
                    "ledger": self._ledger,
                    "workers": _WORKERS,
                    "limits": codec.encode(limits or WalkLimits()),
                    "mounts": [codec.encode(mount) for mount in mounts],
                    "devices": None if engine_devices is None else sorted(engine_devices),
                },
            )
        except BaseException:
            self._discard()
            raise
        finally:
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def read(
        self,
        plan: UserDataPlan,
        image: Ledger | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Ledger, UserDataRead]:
        """The live ledger, and how much of the user's data it has.

        ``image`` is what files on volumes are compared with. ``progress`` is called with the number
        of entries so far. Raises LabError where the root cannot be read, or does not answer.
        """
        try:
            while True:
                message = self._next()
                if "wanted" in message:
                    self._send(plan, image)
                elif "done" in message:
                    read = codec.decode(UserDataRead, message["done"])
                    return self._open(str(message["digest"])), read
                elif "error" in message:
                    raise LabError(*message["error"])
                elif progress is not None:
                    progress(int(message["entries"]))
        finally:
            self.close()

    def close(self) -> None:
        """End the process, and remove what it wrote."""
        self._process.kill()
        if not self._abandoned:
            self._ended()
        self._discard()

    def _send(self, plan: UserDataPlan, image: Ledger | None) -> None:
        try:
            messages.send_plan(self._connection, plan, image)
        except TimeoutError:
            raise self._silent() from None
        except OSError as error:
            raise self._broken() from error

    def _next(self) -> Any:
        try:
            return messages.receive(self._connection)
        except TimeoutError:
            raise self._silent() from None
        except (EOFError, OSError) as error:
            raise self._broken() from error

    def _broken(self) -> LabError:
        self._ended()
        return LabError(
            "the process that read the live root ended before it was done"
            f" ({_how(self._process.returncode)})",
            "run it again; it may have run out of memory: see `dmesg`",
        )

    def _silent(self) -> LabError:
        self._process.kill()
        what = f"the live root was silent for {self._silence:g} s"
        remedy = "see which filesystem does not answer: docker exec CONTAINER cat /proc/mounts"
        self._abandoned = not self._ended()
        left = f"process {self.pid}" if self._abandoned else self._hashing_left()
        if not left:
            return LabError(f"{what}, and the reading was given up", remedy)
        return LabError(
            f"{what}: a filesystem of the container does not answer, and {left} ends when the"
            " filesystem answers",
            remedy,
        )

    def _ended(self) -> bool:
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _hashing_left(self) -> str:
        """The process that hashes for the one that ended, if it does not end with it; or empty."""
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            try:
                os.killpg(self.pid, 0)  # its session, which has no other process
            except OSError:
                return ""
            time.sleep(_POLL)
        return f"a process of the group {self.pid}"

    def _open(self, digest: str) -> Ledger:
        try:
            return Ledger.open_saved(Path(self._ledger), digest)
        except sqlite3.Error as error:
            raise LabError(f"what was read of the live root is damaged: {error}") from error

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.close()
        shutil.rmtree(self._directory, ignore_errors=True)


def _start(connection_fd: int, root_fd: int) -> subprocess.Popen[bytes]:
    package = os.path.dirname(os.path.dirname(os.path.abspath(scratchlab.__file__)))
    arguments = [package, str(connection_fd), str(root_fd)]
    names = os.environ.keys() & {"TMPDIR", "SQLITE_TMPDIR"}
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(connection_fd, root_fd),
            cwd="/",
            env={name: os.environ[name] for name in names},
            start_new_session=True,
        )
    except OSError as error:
        raise LabError(f"{sys.executable} cannot be started: {error.strerror}") from error


def _how(status: int | None) -> str:
    if status is None:
        return "it still runs"
    return f"signal {-status}" if status < 0 else f"status {status}"
