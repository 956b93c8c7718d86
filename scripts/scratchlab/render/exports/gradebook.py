"""A class as gradebooks: CSV (RFC 4180), one line a machine or a student.

Whether the machine is as it should be (E01 to E15) and what the student reached (points of quiz and
exercise) are two things, in columns of their own. No cell is a formula for a spreadsheet: what
would begin one gets an apostrophe (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import TextIO

from scratchlab.classroom.grading import Regrade
from scratchlab.classroom.results import Classroom, MachineResult

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STUDENT = ("name", "id", "email", "points", "points of")
_GRADE = ("quiz", "quiz of", "exercise", "exercise of", "doubts")
QUIZ, EXERCISE = "scratchlab quiz", "scratchlab exercise"  # as a learning platform calls them


def render(classroom: Classroom, out: TextIO) -> None:
    """Write the gradebook to ``out``, which must not translate line ends."""
    result = ("machine", *_STUDENT, "state", "passed", "checks")
    facts = ("engine", "runtime", "kernel", "ledger digest", "reason")
    rows = [(*result, *_GRADE, *classroom.checks, *facts)]
    _write(rows + [tuple(_texts(machine, classroom)) for machine in classroom.machines], out)


def render_moodle(classroom: Classroom, out: TextIO) -> None:
    """Write what Moodle imports under Grades, Import, CSV file.

    The first line has the column names of Moodle's own export. When it is imported, "ID number" is
    mapped to the user's ID number (or "Email address" to the e-mail address), and each of the last
    two columns to a grade item, new or present; the other columns are ignored. A grade that is
    empty is not imported. https://docs.moodle.org/405/en/Grade_import
    """
    rows = [("ID number", "Full name", "Email address", QUIZ, EXERCISE)]
    for machine in classroom.machines:
        student = machine.student
        if student.id or student.email:
            rows.append((student.id, student.name, student.email, *_points(machine.grade)))
    _write(rows, out)


def render_canvas(classroom: Classroom, out: TextIO) -> None:
    """Write what Canvas imports under Grades, Import.

    Canvas wants the student's columns in this order, up to Section, then the assignments, and a
    second line "Points Possible". It looks for the student by ID (of its own, which is not known
    here), then by SIS User ID (the roster's id), then by SIS Login ID (the e-mail address, which is
    the login in many schools), then by name. An assignment that it does not know is made.
    https://community.canvaslms.com/t5/Instructor-Guide/How-do-I-import-grades-in-the-Gradebook/ta-p/807
    and https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb
    """
    grades = [machine.grade for machine in classroom.machines if machine.grade]
    possible = (
        str(max((grade.of for grade in grades), default=0) or ""),
        str(max((grade.exercise_of for grade in grades), default=0) or ""),
    )
    head = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", QUIZ, EXERCISE)
    rows = [head, ("    Points Possible", "", "", "", "", *possible)]
    for machine in classroom.machines:
        student = machine.student
        if student.label:
            names = (student.label, "", student.id, student.email, "")
            rows.append((*names, *_points(machine.grade)))
    _write(rows, out)


def _points(grade: Regrade | None) -> tuple[str, str]:
    """Points of quiz and exercise; empty for what was not begun, which is not the same as none."""
    if grade is None:
        return "", ""
    quiz = str(grade.points) if grade.of else ""
    return quiz, str(grade.exercise_points) if grade.exercise_of else ""


def _texts(machine: MachineResult, classroom: Classroom) -> Iterator[str]:
    summary, student, grade = machine.summary, machine.student, machine.grade
    verdicts = {check.id: check.verdict for check in summary.checks} if summary else {}
    yield machine.name
    yield from (student.name, student.id, student.email)
    yield from (str(grade.all_points), str(grade.all_of)) if grade else ("", "")
    yield str(machine.state)
    yield str(machine.passed)
    yield str(len(classroom.checks))
    yield from _grade(grade)
    yield from (verdicts.get(check_id, "") for check_id in classroom.checks)
    for name in ("engine", "runtime", "kernel", "ledger"):
        yield getattr(summary, name) if summary else ""
    yield machine.reason


def _grade(grade: Regrade | None) -> tuple[str, ...]:
    if grade is None:
        return ("",) * len(_GRADE)
    counts = (grade.points, grade.of, grade.exercise_points, grade.exercise_of)
    return (*map(str, counts), "; ".join(grade.doubts))


def _write(rows: Sequence[Sequence[str]], out: TextIO) -> None:
    csv.writer(out).writerows([_cell(text) for text in row] for row in rows)


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
