"""`scratchlab ladder` and `scratchlab timelapse`: one root filesystem, started and watched."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

import click

from scratchlab.atomic import atomic_write
from scratchlab.cli.options import Command, engine_options
from scratchlab.collect.engines import connect
from scratchlab.errors import LabError
from scratchlab.lab.session import Laboratory
from scratchlab.ladder import observe, shapes, workspace
from scratchlab.render import svg as pictures
from scratchlab.render.terminal import steps as tables
from scratchlab.report import read as read_report
from scratchlab.report.sections import LadderSection, TimelapseSection

Draw = Callable[[Any, TextIO], None]
# Section of report.json -> what draws it as a table, and as an SVG.
VIEWS: dict[str, tuple[Draw, Draw]] = {
    "ladder": (tables.ladder, pictures.ladder),
    "timelapse": (tables.timelapse, pictures.timelapse),
}


def view_options(command: Command) -> Command:
    """Add the options that `ladder` and `timelapse` share."""
    options = [
        click.option("--image", default="sleep", show_default=True, help="The image to start"),
        engine_options,
        click.option(
            "--from",
            "source",
            metavar="REPORT.json",
            help="Show the one in this report; start nothing",
        ),
        click.option("--svg", metavar="FILE", help="Also write it to FILE as an SVG picture"),
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


@click.command(short_help="Start one root with more and more tools.")
@view_options
@click.option("--clean", is_flag=True, help="Remove leftovers of an interrupted run and exit")
def ladder(image: str, clean: bool, **options: str | None) -> int:
    """Start one root filesystem with one more tool on each rung: the first rung with an entry
    shows which tool makes it.

    chroot, chroot with mounts, bare runc and crun, containerd, the engine, podman, gVisor: those
    that are installed. Needs root, on the engine's own host.
    """
    if clean:
        return remove_leftovers(options["engine"], options["url"])
    return show_view("ladder", image, **options)  # type: ignore[arg-type]


@click.command(short_help="Show a root filesystem at each stage of its life.")
@view_options
def timelapse(image: str, **options: str | None) -> int:
    """Show one container's root filesystem at every stage of its life.

    Image, created, prepared by the runtime, running, during exec -t, stopped, removed. Needs
    root, on the engine's own host.
    """
    return show_view("timelapse", image, **options)  # type: ignore[arg-type]


def show_view(
    view: str,
    image: str,
    *,
    engine: str | None = None,
    url: str | None = None,
    source: str | None = None,
    svg: str | None = None,
    form: str = "table",
) -> int:
    """Show the ``ladder`` or the ``timelapse`` of ``image``; returns the exit status.

    ``source`` is a report that holds one: then nothing is started. ``svg`` is the file for the
    picture. The status is 1 where construction and evidence disagree. Raises LabError.
    """
    section = _read_section(view, source) if source else _observe(view, image, engine, url)
    print_table, draw_picture = VIEWS[view]
    if svg:
        with atomic_write(svg, encoding="utf-8") as out:
            draw_picture(section, out)
    if form == "json":
        json.dump(section, sys.stdout, indent=1, sort_keys=True)
        print()
    else:
        print_table(section, sys.stdout)
    return int(any(entry.get("agrees") is False for entry in section["entries"]))


def remove_leftovers(engine: str | None = None, url: str | None = None) -> int:
    """Remove what an interrupted run left; returns the exit status. Raises LabError.

    Works without an engine: containers in one that does not answer are removed by the next run.
    """
    with workspace.exclusive_directory() as directory:
        observe.clear(directory)
    with suppress(LabError), connect(engine, url) as client:
        Laboratory(client).remove_leftovers()
    return 0


def _read_section(view: str, path: str) -> LadderSection | TimelapseSection:
    head = read_report(path).head
    section = head.get("ladder") if view == "ladder" else head.get("timelapse")
    if section is None:
        remedy = "write one that does: scratchlab experiments --only E15 --json FILE"
        raise LabError(f"{path} holds no {view}", remedy)
    return section


def _observe(
    view: str, image: str, engine: str | None, url: str | None
) -> LadderSection | TimelapseSection:
    with connect(engine, url) as client:
        lab = Laboratory(client)
        try:
            if view == "ladder":
                return shapes.ladder_section(observe.observe_ladder(lab, image)[0])
            return shapes.timelapse_section(observe.observe_lifecycle(lab, image))
        finally:
            lab.close()
