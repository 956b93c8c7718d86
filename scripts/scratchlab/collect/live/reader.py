"""Read a live root in a process of its own, which can be abandoned.

A filesystem that is not known to wait for somebody may do so all the same, and then no signal ends
the process that asked it. So the process is another one: of this program's descriptors it has none
but the root, it has a session of its own, writes the ledger itself, and reads while the image is
still read.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Self

from scratchlab import codec, temporary
from scratchlab.collect.live import messages
from scratchlab.collect.live.limits import WalkLimits
from scratchlab.collect.live.reader_process import ReaderProcess
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger, temporary_directory
from scratchlab.model import Mount
from scratchlab.reading import UserDataRead

SILENCE = 60.0  # seconds without progress after which the process is given up
_WORKERS = 2  # threads that hash


class RootReader:
    """A process that reads the root ``root_fd``. Leaving the ``with`` block ends it, and so does
    closing the ledger that it wrote.

    ``mounts`` and ``engine_devices``: as of :func:`scratchlab.collect.live.read_root`.
    ``silence``: seconds without progress after which it is given up. ``process``: one that was
    started before, and that this reader ends; None: one is started.
    """

    def __init__(
        self,
        root_fd: int,
        mounts: Sequence[Mount],
        engine_devices: Collection[tuple[int, int]] | None,
        *,
        limits: WalkLimits | None = None,
        silence: float = SILENCE,
        process: ReaderProcess | None = None,
    ) -> None:
        self._silence = silence
        self._made: _ReadLedger | None = None  # what was read, while the process makes its digest
        self._directory = temporary.make("reading", temporary_directory())
        self._ledger = os.path.join(self._directory, "live")
        try:
            self._process = process or ReaderProcess()
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        try:
            self._give(root_fd, mounts, engine_devices, limits or WalkLimits())
        except BaseException:
            self.close()
            raise

    def _give(
        self,
        root_fd: int,
        mounts: Sequence[Mount],
        engine_devices: Collection[tuple[int, int]] | None,
        limits: WalkLimits,
    ) -> None:
        connection = self._process.connection
        task = {
            "ledger": self._ledger,
            "workers": _WORKERS,
            "limits": codec.encode(limits),
            "mounts": [codec.encode(mount) for mount in mounts],
            "devices": None if engine_devices is None else sorted(engine_devices),
        }
        try:
            connection.settimeout(self._silence)
            self._process.give_root(root_fd)
            messages.send(connection, task)
        except TimeoutError:
            raise self._silent() from None
        except OSError as error:
            raise self._broken() from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        try:
            if error is None and self._made is not None:
                self._made.digest()  # it may be asked for once the process is gone
        finally:
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
        """The live ledger, and how much of the user's data it has. The process goes on: it makes
        the digest of the ledger.

        ``image`` is what files on volumes are compared with. ``progress`` is called with the number
        of entries so far. Raises LabError where the root cannot be read, or does not answer.
        """
        while True:
            message = self._next()
            if "wanted" in message:
                self._send(plan, image)
            elif "done" in message:
                self._made = self._open()
                return self._made, codec.decode(UserDataRead, message["done"])
            elif "error" in message:
                raise LabError(*message["error"])
            elif progress is not None:
                progress(int(message["entries"]))

    def close(self) -> None:
        """End the process, and remove what it wrote."""
        self._made = None
        try:
            self._process.close()
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _send(self, plan: UserDataPlan, image: Ledger | None) -> None:
        try:
            messages.send_plan(self._process.connection, plan, image)
        except TimeoutError:
            raise self._silent() from None
        except OSError as error:
            raise self._broken() from error

    def _next(self) -> Any:
        try:
            return messages.receive(self._process.connection)
        except TimeoutError:
            raise self._silent() from None
        except (EOFError, OSError) as error:
            raise self._broken() from error

    def _broken(self) -> LabError:
        self._process.ended()
        return LabError(
            f"the process that read the live root ended before it was done ({self._process.how()})",
            "run it again; it may have run out of memory: see `dmesg`",
        )

    def _silent(self) -> LabError:
        self._process.kill()
        what = f"the live root was silent for {self._silence:g} s"
        remedy = "see which filesystem does not answer: docker exec CONTAINER cat /proc/mounts"
        left = self._process.left()
        if not left:
            return LabError(f"{what}, and the reading was given up", remedy)
        return LabError(
            f"{what}: a filesystem of the container does not answer, and {left} ends when the"
            " filesystem answers",
            remedy,
        )

    def digest(self) -> str:
        """The digest of what was read, which the process makes last; empty where it cannot."""
        try:
            while "digest" not in (message := self._next()):
                if "error" in message:
                    return ""
        except LabError:
            return ""
        return str(message["digest"])

    def _open(self) -> _ReadLedger:
        try:
            ledger = _ReadLedger.open_saved(Path(self._ledger))
        except sqlite3.Error as error:
            raise LabError(f"what was read of the live root is damaged: {error}") from error
        # Both processes have the file open, and neither writes: without its name, it is gone when
        # both have ended, however they end.
        shutil.rmtree(self._directory, ignore_errors=True)
        ledger.reader = self
        return ledger


class _ReadLedger(Ledger):
    """A ledger that ``reader`` wrote, and whose digest it still makes."""

    reader: RootReader

    def digest(self) -> str:
        """See ``Ledger``, which makes it where nobody else could."""
        if not self._digest:
            self._digest = self.reader.digest()
        return super().digest()

    def close(self) -> None:
        """See ``Ledger``; nobody needs the process any more."""
        super().close()
        self.reader.close()
