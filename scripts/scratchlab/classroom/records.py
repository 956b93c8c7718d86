"""What the controller wrote down (``plugins/callback/lab_record.py``), read with suspicion."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

from scratchlab.atomic import atomic_write
from scratchlab.classroom.results import MachineResult, PastRun, RunRecord
from scratchlab.model import Json
from scratchlab.text import printable

RUN = "scratchlab-run-1"
STATUS = "scratchlab-status-1"
HISTORY = "scratchlab-history-1"
MOST_BYTES = 4 << 20
_STATES = {"running", "done", "left", "failed", "unreachable"}


class DamagedRecordError(Exception):
    """A file of the record is not what it should be; the text says why."""


def no_file(path: str) -> bool:
    """Whether what lies at ``path`` is no file: who opens a pipe there waits for ever."""
    return os.path.lexists(path) and not os.path.isfile(path)


def load_record(path: str, schema: str) -> Json | None:
    """The object in ``path``; None where there is no such file. Raises DamagedError."""
    name = os.path.basename(path)
    if no_file(path):
        raise DamagedRecordError(f"{name} is damaged: it is no file")
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedRecordError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedRecordError(f"{name} is damaged: it is not JSON, or was cut off") from error
    if not isinstance(data, dict) or data.get("schema") != schema:
        raise DamagedRecordError(f"{name} is damaged: it is not of schema {schema}")
    return data


def run_record(path: str) -> RunRecord | None:
    """The record of one machine; None where it never ran. Raises DamagedError."""
    data = load_record(path, STATUS)
    if data is None:
        return None
    if data.get("state") not in _STATES:
        raise DamagedRecordError(f"{os.path.basename(path)} is damaged: it has no state")
    seconds = data.get("seconds")
    return RunRecord(
        state=data["state"],
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        address=_text(data.get("ansible_host")),
        user=_text(data.get("ansible_user")),
        port=_text(data.get("ansible_port")),
        **{
            key: _text(data.get(key))
            for key in ("started", "ended", "stage", "task", "reason", "hostname", "report")
        },
    )


def past_runs(path: str) -> tuple[PastRun, ...]:
    """The runs before, the oldest first; none where the file is absent. Raises DamagedError."""
    data = load_record(path, HISTORY)
    runs = data.get("runs") if data else []
    if not isinstance(runs, list):
        raise DamagedRecordError("history.json is damaged: it has no runs")
    return tuple(
        PastRun(
            _text(run.get("at")), _text(run.get("state")), int(run["passed"]), int(run["total"])
        )
        for run in runs
        if isinstance(run, dict) and _counts(run)
    )


def _counts(run: Json) -> bool:
    return all(type(run.get(key)) is int and run[key] >= 0 for key in ("passed", "total"))


def _text(value: Any) -> str:
    return printable(value) if isinstance(value, str) else ""


# The trend: a short history a machine, written by who judges the room.


MOST_RUNS = 20


def extended_history(seat: MachineResult) -> tuple[PastRun, ...]:
    """The machine's history with its last run in it; a run that is judged again is there once."""
    record = seat.collected.record
    if record is None or not record.started:
        return seat.collected.history
    checks = seat.summary.checks if seat.summary else ()
    last = PastRun(record.started, str(seat.state), seat.passed, len(checks))
    before = tuple(run for run in seat.collected.history if run.at != last.at)
    return (*before, last)[-MOST_RUNS:]


def save_history(directory: str, seat: MachineResult) -> None:
    """Write the history of a machine that the room knows. Raises LabError."""
    runs = extended_history(seat)
    if runs != seat.collected.history:
        with atomic_write(os.path.join(directory, seat.collected.directory, "history.json")) as out:
            json.dump({"schema": HISTORY, "runs": [asdict(run) for run in runs]}, out, indent=1)
