"""The command of an experiment as a person types it: run in a shell, its raw output kept."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock

from scratchlab.experiments.table import EXPERIMENTS, Experiment, fill_template
from scratchlab.labels import Names
from scratchlab.model import Check
from scratchlab.text import printable

MOST_BYTES = 16 << 10  # of the output that is kept
SECONDS = 120.0
_BY_ID = {experiment.id: experiment for experiment in EXPERIMENTS}
_CUT = b"\n[... cut off]"


@dataclass(frozen=True, slots=True)
class Typed:
    """What the shell printed (both streams, as on a terminal), and its exit status.

    ``status`` is None where it took longer than :data:`SECONDS`.
    """

    command: str
    output: bytes
    status: int | None

    @property
    def text(self) -> str:
        """The output as text, with spaces for tabs; other control characters are still in it."""
        text = self.output.decode("utf-8", "surrogateescape")
        return text.replace("\r\n", "\n").expandtabs()


class Typist:
    """Types the commands of checks. At the end of the ``with`` block no command runs any more."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._outputs: dict[str, Future[str]] = {}  # by the id of the check
        self._shells: set[subprocess.Popen[bytes]] = set()
        self._open = True
        self._lock = Lock()  # several threads type, and another one may close meanwhile

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open = False
        while wait(self._outputs.values(), timeout=0.02).not_done:
            for shell in tuple(self._shells):
                _kill(shell)

    def type(self, check: Check) -> None:
        """Type the command of ``check``; return once it has ended. After the block, do nothing."""
        output: Future[str] = Future()
        with self._lock:
            if not self._open:
                return
            self._outputs[check.id] = output
        try:
            output.set_result(self._output(_BY_ID[check.id]))
        except Exception as error:  # outputs() raises it
            output.set_exception(error)

    def outputs(self, checks: Sequence[Check]) -> tuple[Check, ...]:
        """``checks`` with what was printed. Raises what prevented a command, such as OSError."""
        return tuple(
            replace(check, output=self._outputs[check.id].result())
            if check.id in self._outputs
            else check
            for check in checks
        )

    def _output(self, experiment: Experiment) -> str:
        typed = type_command(experiment, self._names, shells=self._shells)
        end = "\n(it did not end)" if typed.status is None else ""
        return printable(typed.text).rstrip("\n") + end


def _kill(shell: subprocess.Popen[bytes]) -> None:
    """End a shell and what it started, unless it has ended."""
    if shell.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)


def type_command(
    experiment: Experiment,
    names: Names,
    seconds: float = SECONDS,
    shells: set[subprocess.Popen[bytes]] | None = None,
) -> Typed:
    """Type the command of ``experiment`` into a POSIX shell. Raises OSError without a shell.

    Its temporary files (``mktemp -d``) go when it has ended. The shell is in ``shells`` while it
    runs.
    """
    running = set() if shells is None else shells
    command = fill_template(experiment.command, names.placeholders())
    with (
        tempfile.TemporaryDirectory(prefix="scratchlab-try-") as directory,
        tempfile.TemporaryFile() as output,
    ):
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, "TMPDIR": directory, "LC_ALL": "C.UTF-8", "TERM": "dumb"},
            start_new_session=True,
        )
        running.add(process)
        status: int | None = None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill(process)
            process.wait()
            running.discard(process)
        output.seek(0)
        kept = output.read(MOST_BYTES + 1)
    return Typed(command, kept[:MOST_BYTES] + _CUT if len(kept) > MOST_BYTES else kept, status)
