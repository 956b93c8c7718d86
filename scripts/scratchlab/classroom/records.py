"""What the controller recorded of runs and machines, read with suspicion; and the trend.

``run.json`` and ``status.json`` are written by ``plugins/callback/lab_record.py``,
``history.json`` by whoever judges the class.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict

from scratchlab.atomic import atomic_write
from scratchlab.classroom.results import MachineResult, PastRun, RunRecord
from scratchlab.model import Json
from scratchlab.text import printable

RUN = "scratchlab-run-1"
STATUS = "scratchlab-status-1"
HISTORY = "scratchlab-history-1"
MOST_BYTES = 4 << 20
MOST_RUNS = 20  # of one machine, in its history
_TEXTS = ("started", "ended", "stage", "task", "reason", "hostname", "report", "checked")
_STATES = {"running", "done", "left", "failed", "unreachable"}


class DamagedRecordError(Exception):
    """A recorded file is not what it should be; the message tells why."""


def is_special(path: str) -> bool:
    """Whether something other than a regular file is at ``path``: opening a pipe waits for ever."""
    return os.path.lexists(path) and not os.path.isfile(path)


def load_record(path: str, schema: str) -> Json | None:
    """The object in ``path``; None where there is no such file. Raises DamagedRecordError."""
    name = os.path.basename(path)
    if is_special(path):
        raise DamagedRecordError(f"{name} is damaged: it is not a regular file")
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedRecordError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedRecordError(f"{name} is damaged: it is not JSON, or it is cut off") from error
    if not isinstance(data, dict) or data.get("schema") != schema:
        raise DamagedRecordError(f"{name} is damaged: it is not of schema {schema}")
    return data


def run_record(path: str) -> RunRecord | None:
    """The record of one machine; None where it never ran. Raises DamagedRecordError."""
    data = load_record(path, STATUS)
    if data is None:
        return None
    if data.get("state") not in _STATES:
        raise DamagedRecordError(f"{os.path.basename(path)} is damaged: it has no state")
    seconds = data.get("seconds")
    return RunRecord(
        state=data["state"],
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        address=text_field(data.get("ansible_host")),
        user=text_field(data.get("ansible_user")),
        port=text_field(data.get("ansible_port")),
        **{key: text_field(data.get(key)) for key in _TEXTS},
    )


def past_runs(path: str) -> tuple[PastRun, ...]:
    """Earlier runs, the oldest first; none where there is no file. Raises DamagedRecordError."""
    data = load_record(path, HISTORY)
    runs = data.get("runs") if data else []
    if not isinstance(runs, list):
        raise DamagedRecordError("history.json is damaged: it has no runs")
    return tuple(
        PastRun(
            text_field(run.get("at")),
            text_field(run.get("state")),
            int(run["passed"]),
            int(run["total"]),
        )
        for run in runs
        if isinstance(run, dict) and _counts(run)
    )


def _counts(run: Json) -> bool:
    return all(type(run.get(key)) is int and run[key] >= 0 for key in ("passed", "total"))


def text_field(value: object) -> str:
    """``value`` safe to print; empty where it is not a text."""
    return printable(value) if isinstance(value, str) else ""


def extended_history(result: MachineResult) -> tuple[PastRun, ...]:
    """The machine's history, and its last run; a run that is judged again is there once."""
    collected, record = result.collected, result.collected.record
    if record is None or not record.started:
        return collected.history
    checks = result.summary.checks if result.summary else ()
    last = PastRun(record.started, str(result.state), result.passed, len(checks))
    before = tuple(run for run in collected.history if run.at != last.at)
    return (*before, last)[-MOST_RUNS:]


def save_history(directory: str, result: MachineResult) -> None:
    """Write the machine's history below the reports ``directory``. Raises LabError."""
    runs = extended_history(result)
    if runs != result.collected.history:
        path = os.path.join(directory, result.collected.directory, "history.json")
        with atomic_write(path, only_files=True) as out:
            json.dump({"schema": HISTORY, "runs": [asdict(run) for run in runs]}, out, indent=1)
