"""`scratchlab diff`: two reports, containers or images, path by path."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TextIO

import click

from scratchlab import report
from scratchlab.cli.ledgers import image_ledger
from scratchlab.cli.options import connect_engine, engine_options, vantage_option
from scratchlab.collect.image import from_engine, ledger_cache
from scratchlab.errors import LabError
from scratchlab.lab import verification
from scratchlab.model import Origin
from scratchlab.progress import Progress
from scratchlab.render.terminal import difference as terminal
from scratchlab.report import Report
from scratchlab.report.build import build
from scratchlab.report.difference import (
    SCHEMA,
    Difference,
    Item,
    Tally,
    differences,
    items_of_image,
    items_of_report,
)
from scratchlab.report.sections import Head
from scratchlab.report.user_data import require_same_coverage
from scratchlab.report.verdict import ExitStatus

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

_KINDS = ("report", "archive", "container", "image")


@dataclass(frozen=True, slots=True)
class Side:
    """One side: its name, what is read again at each call of ``items``, and a report's head."""

    name: str
    items: Callable[[], Iterator[Item]]
    head: Head | None = None


class Sides:
    """Opens sides; the engine is connected to once, and only where one is needed."""

    def __init__(
        self, stack: ExitStack, engine: str | None, url: str | None, vantage: str,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._stack, self._progress = stack, progress
        self._engine, self._url, self._vantage = engine, url, vantage
        self._client: EngineClient | None = None

    def open(self, given: str) -> Side:
        """The side that ``given`` names: ``KIND:NAME``, or a file, else a container or image."""
        kind, colon, name = given.partition(":")
        if not colon or kind not in _KINDS:
            kind, name = self._kind(given), given
        return {
            "report": self._report,
            "archive": self._archive,
            "container": self._container,
            "image": self._image,
        }[kind](name)

    def _kind(self, given: str) -> str:
        if os.path.exists(given) or given.startswith(("/", "./", "../")):
            return "report" if _begins_as_json(given) else "archive"
        try:
            self._connected().inspect_container(given)
        except LabError as no_container:
            try:
                self._connected().inspect_image(given)
            except LabError:
                raise LabError(
                    f"{given} is no file, no container and no image",
                    no_container.remedy or "name a report, a container or an image",
                ) from no_container
            return "image"
        return "container"

    def _connected(self) -> EngineClient:
        if self._client is None:
            self._client = self._stack.enter_context(connect_engine(self._engine, self._url))
        return self._client

    def _report(self, path: str) -> Side:
        found = report.read(path)
        name = f"report {path} of container {found.head['container']['name']}"
        return Side(name, partial(items_of_report, found, path), found.head)

    def _archive(self, path: str) -> Side:
        image, ledger = image_ledger(
            path,
            reference=None,
            platform=None,
            engine=self._engine,
            url=self._url,
            progress=self._progress,
        )
        self._stack.enter_context(ledger)
        return Side(f"archive {path} ({image.id[:19]})", partial(items_of_image, ledger))

    def _container(self, name: str) -> Side:
        evidence, judgement = verification.verify(
            self._connected(), name, vantage=self._vantage, progress=self._progress
        )
        with evidence:
            built = build(evidence, judgement, ())
        container = built.head["container"]
        title = f"container {container['name']} ({container['id'][:12]})"
        return Side(title, partial(items_of_report, built, name), built.head)

    def _image(self, name: str) -> Side:
        client, cache = self._connected(), ledger_cache.installed_cache()
        engine = client.facts()
        image, ledger = from_engine.read_engine_image(client, engine, name, self._progress, cache)
        self._stack.enter_context(ledger)
        return Side(f"image {name} ({image.id[:19]})", partial(items_of_image, ledger))


@click.command()
@click.argument("a")
@click.argument("b")
@engine_options
@vantage_option
@click.option("--times", is_flag=True, help="Files that differ only in their time differ, too")
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
def diff(
    *, a: str, b: str, engine: str | None, url: str | None, vantage: str, times: bool, form: str
) -> int:
    """Show what differs between A and B, and whose it is.

    Each is a report, an image archive, a container or an image. A name that is both a container's
    and an image's means the container; report:FILE, archive:FILE, container:NAME and image:NAME
    say which is meant.

    Exit status: 0 no difference, 1 something differs, 2 they could not be compared.
    """
    with ExitStack() as stack:
        progress = stack.enter_context(Progress())
        sides = Sides(stack, engine, url, vantage, progress)
        one, other = sides.open(a), sides.open(b)
        if one.head is not None and other.head is not None:
            require_same_coverage(one.head, other.head)
        progress.clear()
        tally = Tally()
        found = differences(one.items(), other.items(), tally)
        if form == "json":
            _dump((one.name, other.name), found, tally, sys.stdout, times=times)
        else:
            terminal.render((one.name, other.name), found, tally, sys.stdout, times=times)
    changed = tally.differ or (times and tally.changes["time"])
    return ExitStatus.FAILED if changed else ExitStatus.EXPLAINED


def _dump(
    names: tuple[str, str], found: Iterator[Difference], tally: Tally, out: TextIO, *, times: bool
) -> None:
    """Write one JSON object, one difference a line."""
    head = {"schema": SCHEMA, "a": names[0], "b": names[1]}
    out.write("{\n")
    for key, value in head.items():
        out.write(f"{json.dumps(key)}: {json.dumps(value)},\n")
    out.write('"differences": [')
    separator = ""
    for difference in found:
        tally.add(difference)
        if times or not difference.only_time:
            out.write(f"{separator}\n{json.dumps(difference.as_json(), sort_keys=True)}")
            separator = ","
    changes = {key: tally.changes[key] for key in ("only-a", "only-b", "differs", "time")}
    out.write(f'\n],\n"counts": {json.dumps({**changes, "content_unknown": tally.unknown})}\n}}\n')


def _begins_as_json(path: str) -> bool:
    if os.path.isdir(path):  # an OCI layout, unpacked
        return False
    try:
        with open(path, "rb") as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError as error:
        remedy = "name a report, an archive, a container or an image"
        raise LabError(f"cannot read {path}: {error.strerror}", remedy) from error


def show_since(path: str, built: Report) -> int:
    """Print what changed between the report ``path`` and ``built``, a later one of the same
    container; what a policy allows in ``built``, and what the kernel makes, is left out.

    Returns the exit status: 1 where ``built`` has faults, 3 where something changed, otherwise 0.
    Raises LabError where the two cannot be compared.
    """
    earlier = report.read(path)
    before, now = earlier.head["container"], built.head["container"]
    if before["id"] != now["id"]:
        raise LabError(
            f"{path} is of another container, {before['name']} ({before['id'][:12]})",
            f"compare the two: scratchlab diff {path} {now['name']}",
        )
    require_same_coverage(earlier.head, built.head)
    left_out = {ghost["path"] for ghost in built.head["ghosts"] if "allowed" in ghost}
    left_out |= {entry["path"] for entry in built.entries if "allowed" in entry}
    tally = Tally()
    found = (
        difference
        for difference in differences(
            items_of_report(earlier, path), items_of_report(built, now["name"]), tally
        )
        if difference.path not in left_out and not _is_kernels(difference)
    )
    names = (f"report {path}", f"container {now['name']} now")
    terminal.render(names, found, tally, sys.stdout, times=True)
    verdict = built.head["verdict"]
    if verdict["status"] == ExitStatus.FAILED:
        print(verdict["sentence"])
        return ExitStatus.FAILED
    return ExitStatus.DRIFTED if tally.changes.total() else ExitStatus.EXPLAINED


def _is_kernels(difference: Difference) -> bool:
    """Whether the kernel makes it: terminals in /dev/pts come and go."""
    sides = [side for side in (difference.one, difference.other) if side is not None]
    return all(side.origin == Origin.KERNEL for side in sides)
