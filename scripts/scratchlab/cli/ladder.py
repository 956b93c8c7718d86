"""`scratchlab ladder` and `scratchlab timelapse`: words in, one exit status out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import click

from scratchlab import report
from scratchlab.atomic import atomic_write
from scratchlab.cli.options import Command, engine_options
from scratchlab.errors import LabError
from scratchlab.ladder import shapes
from scratchlab.model import Json
from scratchlab.render import svg
from scratchlab.render.terminal import steps

if TYPE_CHECKING:
    from scratchlab.lab.session import Laboratory


def view_options(command: Command) -> Command:
    """What `ladder` and `timelapse` have in common."""
    options = [
        click.option("--image", default="sleep", show_default=True, help="What is started"),
        engine_options,
        click.option("--from", "source", metavar="REPORT.json", help="Show a report's instead"),
        click.option("--svg", metavar="FILE", help="Also draw it"),
        click.option(
            "--format",
            "form",
            type=click.Choice(["table", "json"]),
            default="table",
            show_default=True,
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@view_options
@click.option("--clean", is_flag=True, help="Only remove what a killed run left")
def ladder(image: str, clean: bool, **options: str | None) -> int:
    """Start one root filesystem by ever more tools: who makes an entry shows on the first rung.

    chroot, chroot with mounts, bare runc and crun, containerd, the engine, podman, gVisor: as far
    as they are installed. Needs root, on the engine's own host.
    """
    if clean:
        return remove_leftovers(options["engine"], options["url"])
    return run_and_show("ladder", image, **options)  # type: ignore[arg-type]


@click.command()
@view_options
def timelapse(image: str, **options: str | None) -> int:
    """Look at one container's root filesystem in every stage of its life.

    Image, created, prepared by the runtime, running, during exec -t, stopped, removed. Needs
    root, on the engine's own host.
    """
    return run_and_show("timelapse", image, **options)  # type: ignore[arg-type]


# What `scratchlab ladder` and `scratchlab timelapse` do: look or read, show, draw, decide.


Draw = Callable[[Json, TextIO], None]
VIEWS: dict[str, tuple[Draw, Draw]] = {
    "ladder": (steps.ladder, svg.ladder),
    "timelapse": (steps.timelapse, svg.timelapse),
}


def run_and_show(
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
        with atomic_write(svg, encoding="utf-8") as out:
            picture(found, out)
    if form == "json":
        json.dump(found, sys.stdout, indent=1, sort_keys=True)
        print()
    else:
        table(found, sys.stdout)
    return int(any(entry.get("agrees") is False for entry in found["entries"]))


def remove_leftovers(engine: str | None = None, url: str | None = None) -> int:
    """Remove what a run left that was killed; gives the exit status. Raises LabError.

    No engine need answer: what is in one that does not is removed by the next run.
    """
    from scratchlab.collect.engines import connect
    from scratchlab.lab.session import Laboratory
    from scratchlab.ladder import observe, workspace

    with workspace.open_workspace() as directory:
        observe.clear(directory)
    with suppress(LabError), connect(engine, url) as client:
        Laboratory(client).clear()
    return 0


def _read(view: str, path: str) -> Json:
    found: Json | None = report.read(path).head.get(view)
    if found is None:
        remedy = "write one that does: scratchlab experiments --only E15 --json FILE"
        raise LabError(f"{path} holds no {view}", remedy)
    return found


def _look(view: str, image: str, engine: str | None, url: str | None) -> Json:
    from scratchlab.collect.engines import connect
    from scratchlab.lab.session import Laboratory

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
