"""The trend: a short history a machine, written by who judges the room."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

from scratchlab.atomic import replaced
from scratchlab.room.record import HISTORY
from scratchlab.room.seat import Run, Seat

MOST_RUNS = 20


def extended(seat: Seat) -> tuple[Run, ...]:
    """The machine's history with its last run in it; a run that is judged again is there once."""
    record = seat.found.record
    if record is None or not record.started:
        return seat.found.history
    checks = seat.summary.checks if seat.summary else ()
    last = Run(record.started, str(seat.state), seat.passed, len(checks))
    before = tuple(run for run in seat.found.history if run.at != last.at)
    return (*before, last)[-MOST_RUNS:]


def save(folder: str, seat: Seat) -> None:
    """Write the history of a machine that the room knows. Raises LabError."""
    runs = extended(seat)
    if runs != seat.found.history:
        with replaced(os.path.join(folder, seat.found.folder, "history.json")) as out:
            json.dump({"schema": HISTORY, "runs": [asdict(run) for run in runs]}, out, indent=1)
