"""Sheets to print: a worksheet, its key, the cards of a class. One HTML file each, no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from scratchlab.classroom.exercise import LEVELS, draw_exercise
from scratchlab.classroom.roster import NOBODY, Student
from scratchlab.classroom.seats import Seat
from scratchlab.classroom.worksheet import Worksheet
from scratchlab.model import Origin
from scratchlab.render.html.templates import write_template
from scratchlab.render.words import ORIGINS
from scratchlab.report.sections import Head
from scratchlab.text import printable, visible


def write_worksheet(
    worksheet: Worksheet,
    head: Head,
    out: TextIO,
    *,
    key: bool = False,
    student: Student = NOBODY,
) -> None:
    """Write a worksheet, or with ``key`` its answers. ``head`` is that of the report, ``student``
    who sits at the machine.
    """
    choices = [
        (str(origin), words.means)
        for origin, words in ORIGINS.items()
        if origin is not Origin.UNEXPLAINED
    ]
    exercises = [draw_exercise(worksheet.seed, level) for level in LEVELS]
    _write(
        out,
        kind="worksheet",
        worksheet=worksheet,
        head=head,
        key=key,
        choices=choices,
        exercises=exercises,
        student=student,
    )


def write_key(worksheets: Iterable[Worksheet], out: TextIO) -> None:
    """Write the answers of a whole class."""
    drawn = [
        (worksheet, [draw_exercise(worksheet.seed, level) for level in LEVELS])
        for worksheet in worksheets
    ]
    _write(out, kind="key", worksheets=drawn)


def write_cards(seats: Iterable[Seat], engines: Mapping[str, str], out: TextIO) -> None:
    """Write one card for each machine, two on a page: who sits there, and how to log in.

    ``engines`` is the command of the engine by machine, where it is not docker.
    """
    cards = [(seat, engines.get(seat.host, "docker")) for seat in seats]
    _write(out, kind="cards", cards=cards)


def print_worksheet(worksheet: Worksheet, out: TextIO, *, key: bool = False) -> None:
    """Write a worksheet for the terminal, or with ``key`` its answers."""
    for question in worksheet.questions:
        answer = f"{question.answer}  ({printable(question.explanation)})"
        out.write(f"{visible(question.path):<40} {answer if key else '_' * 20}\n")


def _write(out: TextIO, **values: Any) -> None:
    write_template("sheets.html.j2", out, styles=("sheets.css",), **values)
