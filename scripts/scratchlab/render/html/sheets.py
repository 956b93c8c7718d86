"""Sheets to print: a worksheet, its key, the cards of a class. One HTML file each, no script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TextIO

from scratchlab.classroom.exercise import LEVELS, draw_exercise
from scratchlab.classroom.results import MachineResult
from scratchlab.classroom.worksheet import Worksheet
from scratchlab.model import Origin
from scratchlab.render.html.templates import write_template
from scratchlab.render.words import ORIGINS
from scratchlab.report.sections import Head
from scratchlab.text import printable, visible


@dataclass(frozen=True, slots=True)
class Card:
    """What a student needs to begin."""

    name: str
    address: str
    user: str
    login: str
    engine: str  # the command that lists its containers


def write_worksheet(worksheet: Worksheet, head: Head, out: TextIO, *, key: bool = False) -> None:
    """Write a worksheet, or with ``key`` its answers. ``head`` is that of the report."""
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
    )


def write_key(worksheets: Iterable[Worksheet], out: TextIO) -> None:
    """Write the answers of a whole class."""
    drawn = [
        (worksheet, [draw_exercise(worksheet.seed, level) for level in LEVELS])
        for worksheet in worksheets
    ]
    _write(out, kind="key", worksheets=drawn)


def write_cards(machines: Iterable[MachineResult], out: TextIO) -> None:
    """Write one card for each machine, on a page of its own."""
    _write(out, kind="cards", cards=[_card(machine) for machine in machines])


def print_worksheet(worksheet: Worksheet, out: TextIO, *, key: bool = False) -> None:
    """Write a worksheet for the terminal, or with ``key`` its answers."""
    for question in worksheet.questions:
        answer = f"{question.answer}  ({printable(question.explanation)})"
        out.write(f"{visible(question.path):<40} {answer if key else '_' * 20}\n")


def _card(machine: MachineResult) -> Card:
    record, summary = machine.collected.record, machine.summary
    user, address = (record.user, record.address) if record else ("", "")
    port = f" -p {record.port}" if record and record.port else ""
    login = f"ssh{port} {user + '@' if user else ''}{address or machine.name}"
    engine = "podman" if summary and summary.engine.startswith("podman ") else "docker"
    return Card(machine.name, address, user, login, engine)


def _write(out: TextIO, **values: Any) -> None:
    write_template("sheets.html.j2", out, styles=("sheets.css",), **values)
