"""The command of an experiment as a person types it: run in a shell, its raw output kept."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from scratchlab.experiments.table import EXPERIMENTS, Experiment, fill_template
from scratchlab.labels import Names
from scratchlab.model import Check, Verdict
from scratchlab.text import printable

MOST_BYTES = 16 << 10  # of the output that is kept
SECONDS = 120.0
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


def type_all(checks: Sequence[Check], names: Names) -> tuple[Check, ...]:
    """``checks`` with the output of their commands, typed here, four at a time.

    Those that were not run keep none: their command asks for what is not there.
    """
    by_id = {experiment.id: experiment for experiment in EXPERIMENTS}

    def with_output(check: Check) -> Check:
        if check.verdict in (Verdict.SKIP, Verdict.ERROR) or check.id not in by_id:
            return check
        typed = type_command(by_id[check.id], names)
        end = "\n(it did not end)" if typed.status is None else ""
        return replace(check, output=printable(typed.text).rstrip("\n") + end)

    with ThreadPoolExecutor(4) as pool:
        return tuple(pool.map(with_output, checks))


def type_command(experiment: Experiment, names: Names, seconds: float = SECONDS) -> Typed:
    """Type the command of ``experiment`` into a POSIX shell. Raises OSError without a shell.

    Its temporary files (``mktemp -d``) go when it has ended.
    """
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
        status: int | None = None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        kept = output.read(MOST_BYTES + 1)
    return Typed(command, kept[:MOST_BYTES] + _CUT if len(kept) > MOST_BYTES else kept, status)
