"""The room as a gradebook: CSV (RFC 4180), one line a machine."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from scratchlab.classroom.grading import Regrade
from scratchlab.classroom.results import Classroom, MachineResult

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins so (OWASP)


def render(room: Classroom, out: TextIO) -> None:
    """Write it to ``out``, which must not translate line ends."""
    writer = csv.writer(out)
    heads = (
        "machine",
        "state",
        "passed",
        "checks",
        "quiz",
        "quiz of",
        "exercise",
        "exercise of",
        "doubts",
    )
    facts = ("engine", "runtime", "kernel", "ledger digest", "reason")
    writer.writerow([_cell(cell) for cell in (*heads, *room.checks, *facts)])
    for seat in room.machines:
        writer.writerow([_cell(cell) for cell in _cells(seat, room)])


def _cells(seat: MachineResult, room: Classroom) -> Iterator[str]:
    summary = seat.summary
    verdicts = {check.id: check.verdict for check in summary.checks} if summary else {}
    yield seat.name
    yield str(seat.state)
    yield str(seat.passed)
    yield str(len(room.checks))
    yield from _grade(summary.grade if summary else None)
    yield from (verdicts.get(name, "") for name in room.checks)
    for key in ("engine", "runtime", "kernel", "ledger"):
        yield getattr(summary, key) if summary else ""
    yield seat.reason


def _grade(grade: Regrade | None) -> tuple[str, ...]:
    if grade is None:
        return ("",) * 5
    counts = (grade.points, grade.of, grade.exercise_points, grade.exercise_of)
    return (*map(str, counts), "; ".join(grade.doubts))


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
