"""The room's page from reports that are named, wherever they lie: HOST/report.json each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from scratchlab.atomic import replaced
from scratchlab.errors import LabError
from scratchlab.render import room_page
from scratchlab.room.judge import judge
from scratchlab.room.read import differing, machine
from scratchlab.room.seat import Folder, Room


def write(reports: Sequence[str], page: str) -> Room:
    """Write the page of the machines whose ``reports`` these are to ``page``.

    A machine is named after its report's folder; one with a damaged report is named with the
    reason. Raises LabError where the reports do not lie in one folder as HOST/report.json.
    """
    files = dict.fromkeys(map(os.path.abspath, reports))
    rooms = {os.path.dirname(os.path.dirname(file)) for file in files}
    if len(rooms) > 1 or {os.path.basename(file) for file in files} != {"report.json"}:
        raise LabError(
            "a page of several reports names machines after the reports' folders",
            "put them into one folder as HOST/report.json, or name one report",
        )
    path = rooms.pop()
    found = (machine(path, os.path.basename(os.path.dirname(file))) for file in files)
    room = judge(Folder(tuple(found), known=False), partial(differing, path))
    with replaced(page, encoding="utf-8") as out:
        room_page.render(room, out)
    return room
