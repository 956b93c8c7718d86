"""Programs of the machine, run with a time limit, their refusals in one line."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence

from scratchlab.errors import LabError

SECONDS = 30.0


class RefusedError(LabError):
    """A program of the machine ended with a status that is not 0."""


def find(program: str) -> str | None:
    """The program's path, None where it is not installed."""
    return shutil.which(program)


def run(argv: Sequence[str], *, cwd: str | None = None, seconds: float = SECONDS) -> str:
    """What ``argv`` prints. Raises RefusedError with its last line, and LabError after ``seconds``.

    Its output goes to files, not pipes: what it leaves running would hold a pipe open.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                argv,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{argv[0]} did not end within {seconds:g} s") from None
        except OSError as error:
            raise RefusedError(f"{argv[0]} cannot be run: {error.strerror}") from error
        out.seek(0)
        errors.seek(0)
        said = out.read().decode("utf-8", "replace")
        if done.returncode:
            raise RefusedError(f"{argv[0]} answers: {last_line(errors.read()) or done.returncode}")
    return said


def last_line(output: bytes) -> str:
    """The last line of a program's complaint that says anything (mount's hint does not)."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line and "dmesg(1)" not in line), "")
