"""From a reports directory to the room's page and to the files that an instructor's tools read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from scratchlab.atomic import atomic_write
from scratchlab.classroom import records
from scratchlab.classroom.comparison import compare_machines
from scratchlab.classroom.read import MOST_BYTES, WORKSHEET, differing, read_machine, read_reports
from scratchlab.classroom.results import Classroom, MachineState, ReportsDirectory
from scratchlab.classroom.worksheet import draw_worksheet, seed_of
from scratchlab.errors import LabError
from scratchlab.render.html import room_page, sheets
from scratchlab.report import read

# File in the reports directory -> module of scratchlab.render that writes it.
OUTPUTS = {
    "index.html": "html.room_page",
    "room.xml": "exports.room_junit",
    "room.tap": "exports.room_tap",
    "room.csv": "exports.room_csv",
}


SHEETS = ("key.html", "cards.html")


def build_classroom(path: str) -> Classroom:
    """Judge the room whose reports lie in ``path`` and write its files there, each whole or not
    at all; where nothing of any machine is left, they go. Raises LabError where the directory
    cannot
    be read or written.
    """
    found = read_reports(path)
    room = compare_machines(found, partial(differing, path))
    if all(seat.state is MachineState.WAITING for seat in room.machines) and not found.others:
        for name in ("run.json", *OUTPUTS, *SHEETS):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(path, name))
        return room
    for seat in room.machines:
        if found.known and seat.collected.record:
            records.save_history(path, seat)
    _sheets(path, room)
    for name, module in OUTPUTS.items():
        with atomic_write(os.path.join(path, name), encoding="utf-8") as out:
            import_module(f"scratchlab.render.{module}").render(room, out)
    return room


def _sheets(path: str, room: Classroom) -> None:
    """Each machine's worksheet from its own report, the key to all of them, and the cards."""
    drawn = []
    for seat in room.machines:
        place = os.path.join(path, seat.collected.directory, WORKSHEET)
        if seat.summary is None:
            if seat.collected.directory:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(place)
            continue
        report = read(os.path.join(path, seat.collected.directory, "report.json"), MOST_BYTES)
        drawn.append(draw_worksheet(report, seed_of(report)))
        with atomic_write(place, encoding="utf-8") as out:
            sheets.worksheet(drawn[-1], report.head, out)
    for name, render in (
        ("key.html", partial(sheets.room_key, drawn)),
        ("cards.html", partial(sheets.cards, room.machines)),
    ):
        with atomic_write(os.path.join(path, name), encoding="utf-8") as out:
            render(out)


# The room's page from reports that are named, wherever they lie: HOST/report.json each.


def write_several(reports: Sequence[str], page: str) -> Classroom:
    """Write the page of the machines whose ``reports`` these are to ``page``.

    A machine is named after its report's directory; one with a damaged report is named with the
    reason. Raises LabError where the reports do not lie in one directory as HOST/report.json.
    """
    files = dict.fromkeys(map(os.path.abspath, reports))
    rooms = {os.path.dirname(os.path.dirname(file)) for file in files}
    if len(rooms) > 1 or {os.path.basename(file) for file in files} != {"report.json"}:
        raise LabError(
            "a page of several reports names machines after the reports' directories",
            "put them into one directory as HOST/report.json, or name one report",
        )
    path = rooms.pop()
    found = (read_machine(path, os.path.basename(os.path.dirname(file))) for file in files)
    room = compare_machines(ReportsDirectory(tuple(found), known=False), partial(differing, path))
    with atomic_write(page, encoding="utf-8") as out:
        room_page.render(room, out)
    return room
