"""Sheets to print: a worksheet, its key, the cards of a room. One HTML file each, no script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TextIO

from markupsafe import Markup

from scratchlab.classroom import exercise
from scratchlab.classroom.results import MachineResult
from scratchlab.classroom.worksheet import Worksheet
from scratchlab.model import Json, Origin
from scratchlab.render.html.page import asset, environment, fingerprint
from scratchlab.render.words import ORIGINS
from scratchlab.text import printable, visible


@dataclass(frozen=True, slots=True)
class Card:
    """What a student needs to begin."""

    name: str
    address: str
    user: str
    login: str
    engine: str  # the command that lists its containers


def worksheet(sheet: Worksheet, head: Json, out: TextIO, *, key: bool = False) -> None:
    """Write a worksheet, or with ``key`` its answers. ``head`` is the report's."""
    words = [(str(o), w.means) for o, w in ORIGINS.items() if o is not Origin.UNEXPLAINED]
    drawn = exercise.draw_exercise(sheet.seed)
    _write(out, kind="worksheet", sheet=sheet, head=head, key=key, words=words, exercise=drawn)


def room_key(sheets: Iterable[Worksheet], out: TextIO) -> None:
    """Write the answers of a whole room."""
    _write(
        out, kind="key", sheets=[(sheet, exercise.draw_exercise(sheet.seed)) for sheet in sheets]
    )


def cards(seats: Iterable[MachineResult], out: TextIO) -> None:
    """Write one card a machine, a page each."""
    _write(out, kind="cards", cards=[_card(seat) for seat in seats])


def plain(sheet: Worksheet, out: TextIO, *, key: bool = False) -> None:
    """Write a worksheet for the terminal."""
    for one in sheet.questions:
        answer = f"{one.answer}  ({printable(one.because)})" if key else "____________________"
        out.write(f"{visible(one.path):<40} {answer}\n")


def _card(seat: MachineResult) -> Card:
    record = seat.collected.record
    user, address = (record.user, record.address) if record else ("", "")
    port = f" -p {record.port}" if record and record.port else ""
    login = f"ssh{port} {user + '@' if user else ''}{address or seat.name}"
    engine = "podman" if seat.summary and seat.summary.engine.startswith("podman ") else "docker"
    return Card(seat.name, address, user, login, engine)


def _write(out: TextIO, **values: Any) -> None:
    style = Markup(asset("sheets.css"))  # noqa: S704 - ours, from the package
    template = environment().get_template("sheets.html.j2")
    for piece in template.generate(style=style, fingerprint=fingerprint, **values):
        out.write(piece)
