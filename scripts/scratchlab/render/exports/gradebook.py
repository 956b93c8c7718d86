"""A class as a gradebook: CSV (RFC 4180), one line a machine."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from scratchlab.classroom.grading import Regrade
from scratchlab.classroom.results import Classroom, MachineResult

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # spreadsheets run a cell that starts so (OWASP)
_GRADE = ("quiz", "quiz of", "exercise", "exercise of", "doubts")


def render(classroom: Classroom, out: TextIO) -> None:
    """Write the gradebook to ``out``, which must not translate line ends."""
    writer = csv.writer(out)
    result = ("machine", "state", "passed", "checks")
    facts = ("engine", "runtime", "kernel", "ledger digest", "reason")
    headings = (*result, *_GRADE, *classroom.checks, *facts)
    writer.writerow([_cell(heading) for heading in headings])
    for machine in classroom.machines:
        writer.writerow([_cell(text) for text in _texts(machine, classroom)])


def _texts(machine: MachineResult, classroom: Classroom) -> Iterator[str]:
    summary = machine.summary
    verdicts = {check.id: check.verdict for check in summary.checks} if summary else {}
    yield machine.name
    yield str(machine.state)
    yield str(machine.passed)
    yield str(len(classroom.checks))
    yield from _grade(summary.grade if summary else None)
    yield from (verdicts.get(check_id, "") for check_id in classroom.checks)
    for name in ("engine", "runtime", "kernel", "ledger"):
        yield getattr(summary, name) if summary else ""
    yield machine.reason


def _grade(grade: Regrade | None) -> tuple[str, ...]:
    if grade is None:
        return ("",) * len(_GRADE)
    counts = (grade.points, grade.of, grade.exercise_points, grade.exercise_of)
    return (*map(str, counts), "; ".join(grade.doubts))


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
