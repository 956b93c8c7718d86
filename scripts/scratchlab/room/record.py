"""What the controller wrote down (``plugins/callback/lab_record.py``), read with suspicion."""

from __future__ import annotations

import json
import os
from typing import Any

from scratchlab.model import Json
from scratchlab.room.seat import Record, Run
from scratchlab.text import printable

RUN = "scratchlab-run-1"
STATUS = "scratchlab-status-1"
HISTORY = "scratchlab-history-1"
MOST_BYTES = 4 << 20
_STATES = {"running", "done", "left", "failed", "unreachable"}


class DamagedError(Exception):
    """A file of the record is not what it should be; the text says why."""


def no_file(path: str) -> bool:
    """Whether what lies at ``path`` is no file: who opens a pipe there waits for ever."""
    return os.path.lexists(path) and not os.path.isfile(path)


def load(path: str, schema: str) -> Json | None:
    """The object in ``path``; None where there is no such file. Raises DamagedError."""
    name = os.path.basename(path)
    if no_file(path):
        raise DamagedError(f"{name} is damaged: it is no file")
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{name} is damaged: it is not JSON, or was cut off") from error
    if not isinstance(data, dict) or data.get("schema") != schema:
        raise DamagedError(f"{name} is damaged: it is not of schema {schema}")
    return data


def record(path: str) -> Record | None:
    """The record of one machine; None where it never ran. Raises DamagedError."""
    data = load(path, STATUS)
    if data is None:
        return None
    if data.get("state") not in _STATES:
        raise DamagedError(f"{os.path.basename(path)} is damaged: it has no state")
    seconds = data.get("seconds")
    return Record(
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


def history(path: str) -> tuple[Run, ...]:
    """The runs before, the oldest first; none where the file is absent. Raises DamagedError."""
    data = load(path, HISTORY)
    runs = data.get("runs") if data else []
    if not isinstance(runs, list):
        raise DamagedError("history.json is damaged: it has no runs")
    return tuple(
        Run(_text(run.get("at")), _text(run.get("state")), int(run["passed"]), int(run["total"]))
        for run in runs
        if isinstance(run, dict) and _counts(run)
    )


def _counts(run: Json) -> bool:
    return all(type(run.get(key)) is int and run[key] >= 0 for key in ("passed", "total"))


def _text(value: Any) -> str:
    return printable(value) if isinstance(value, str) else ""
