"""What `scratchlab ladder` and `scratchlab timelapse` do: look or read, show, draw, decide."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from scratchlab import report
from scratchlab.atomic import replaced
from scratchlab.errors import LabError
from scratchlab.ladder import shapes
from scratchlab.model import Json
from scratchlab.render import steps_svg, steps_table

if TYPE_CHECKING:
    from scratchlab.experiments.laboratory import Laboratory

Draw = Callable[[Json, TextIO], None]
VIEWS: dict[str, tuple[Draw, Draw]] = {
    "ladder": (steps_table.ladder, steps_svg.ladder),
    "timelapse": (steps_table.timelapse, steps_svg.timelapse),
}


def main(
    view: str,
    image: str,
    *,
    engine: str | None = None,
    url: str | None = None,
    source: str | None = None,
    svg: str | None = None,
    form: str = "table",
) -> int:
    """Show the ``ladder`` or the ``timelapse`` of ``image``; gives the exit status.

    ``source`` is a report that holds one: nothing is started then. ``svg`` is the file for the
    picture. The status is 1 where construction and evidence disagree. Raises LabError.
    """
    found = _read(view, source) if source else _look(view, image, engine, url)
    table, picture = VIEWS[view]
    if svg:
        with replaced(svg, encoding="utf-8") as out:
            picture(found, out)
    if form == "json":
        json.dump(found, sys.stdout, indent=1, sort_keys=True)
        print()
    else:
        table(found, sys.stdout)
    return int(any(entry.get("agrees") is False for entry in found["entries"]))


def clean(engine: str | None = None, url: str | None = None) -> int:
    """Remove what a run left that was killed; gives the exit status. Raises LabError.

    No engine need answer: what is in one that does not is removed by the next run.
    """
    from scratchlab.collect.engines import connect
    from scratchlab.experiments.laboratory import Laboratory
    from scratchlab.ladder import collect, workshop

    with workshop.opened() as folder:
        collect.clear(folder)
    with suppress(LabError), connect(engine, url) as client:
        Laboratory(client).clear()
    return 0


def _read(view: str, path: str) -> Json:
    found: Json | None = report.read(path).head.get(view)
    if found is None:
        mend = "write one that does: scratchlab experiments --only E15 --json FILE"
        raise LabError(f"{path} holds no {view}", mend)
    return found


def _look(view: str, image: str, engine: str | None, url: str | None) -> Json:
    from scratchlab.collect.engines import connect
    from scratchlab.experiments.laboratory import Laboratory

    with connect(engine, url) as client:
        lab = Laboratory(client)
        try:
            return _seen(view, lab, image)
        finally:
            lab.close()


def _seen(view: str, lab: Laboratory, image: str) -> Json:
    from scratchlab.ladder import observe

    if view == "ladder":
        return shapes.ladder(observe.ladder(lab, image)[0])
    return shapes.timelapse(observe.timelapse(lab, image))
