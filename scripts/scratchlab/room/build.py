"""From a reports folder to the room's page and to the files that an instructor's tools read."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from importlib import import_module

from scratchlab.atomic import replaced
from scratchlab.learn.worksheet import draw, seed_of
from scratchlab.render import sheets
from scratchlab.report import read
from scratchlab.room import history
from scratchlab.room.judge import judge
from scratchlab.room.read import MOST_BYTES, WORKSHEET, differing, folder
from scratchlab.room.seat import Room, State

# File in the reports folder -> module of scratchlab.render that writes it.
OUTPUTS = {
    "index.html": "room_page",
    "room.xml": "room_junit",
    "room.tap": "room_tap",
    "room.csv": "room_csv",
}


SHEETS = ("key.html", "cards.html")


def build(path: str) -> Room:
    """Judge the room whose reports lie in ``path`` and write its files there, each whole or not
    at all; where nothing of any machine is left, they go. Raises LabError where the folder cannot
    be read or written.
    """
    found = folder(path)
    room = judge(found, partial(differing, path))
    if all(seat.state is State.WAITING for seat in room.seats) and not found.others:
        for name in ("run.json", *OUTPUTS, *SHEETS):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(path, name))
        return room
    for seat in room.seats:
        if found.known and seat.found.record:
            history.save(path, seat)
    _sheets(path, room)
    for name, module in OUTPUTS.items():
        with replaced(os.path.join(path, name), encoding="utf-8") as out:
            import_module(f"scratchlab.render.{module}").render(room, out)
    return room


def _sheets(path: str, room: Room) -> None:
    """Each machine's worksheet from its own report, the key to all of them, and the cards."""
    drawn = []
    for seat in room.seats:
        place = os.path.join(path, seat.found.folder, WORKSHEET)
        if seat.summary is None:
            if seat.found.folder:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(place)
            continue
        report = read(os.path.join(path, seat.found.folder, "report.json"), MOST_BYTES)
        drawn.append(draw(report, seed_of(report)))
        with replaced(place, encoding="utf-8") as out:
            sheets.worksheet(drawn[-1], report.head, out)
    for name, render in (
        ("key.html", partial(sheets.room_key, drawn)),
        ("cards.html", partial(sheets.cards, room.seats)),
    ):
        with replaced(os.path.join(path, name), encoding="utf-8") as out:
            render(out)
