"""`scratchlab image` and `scratchlab live`: one ledger, of an image or of a running container."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from scratchlab import render
from scratchlab.cli.options import (
    LEDGER_FORMATS,
    connect_engine,
    engine_options,
    running,
    vantage_option,
)
from scratchlab.collect.image import from_engine, platforms, read_archive, read_directory
from scratchlab.collect.vantage import open_view
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Image
from scratchlab.progress import Progress
from scratchlab.report.verdict import ExitStatus
from scratchlab.text import printable


@click.command(short_help="List an image's root filesystem, layer by layer.")
@click.argument("source", metavar="ARCHIVE|DIRECTORY|IMAGE|-")
@click.option("--reference", metavar="NAME", help="Which image of an archive with several images")
@click.option(
    "--platform", metavar="OS/ARCH[/VARIANT]", help="Which platform of an archive with several"
)
@engine_options
@click.option("--format", "form", type=LEDGER_FORMATS, default="table", show_default=True)
def image(
    *,
    source: str,
    reference: str | None,
    platform: str | None,
    engine: str | None,
    url: str | None,
    form: str,
) -> int:
    """List the root filesystem of an image, and sum it up by layer: an archive (a file, or - for
    standard input), the directory of an OCI layout, or an image that the engine has.
    """
    with Progress() as progress:
        found, ledger = image_ledger(
            source,
            reference=reference,
            platform=platform,
            engine=engine,
            url=url,
            progress=progress,
        )
    with ledger:
        return _list(ledger, form, found)


@click.command()
@click.argument("container", shell_complete=running)
@engine_options
@vantage_option
@click.option("--format", "form", type=LEDGER_FORMATS, default="table", show_default=True)
def live(container: str, engine: str | None, url: str | None, vantage: str, form: str) -> int:
    """List what CONTAINER's process sees as its root."""
    with Progress() as progress:
        ledger = live_ledger(container, engine, url, vantage, progress)
    with ledger:
        return _list(ledger, form)


def _list(ledger: Ledger, form: str, image: Image | None = None) -> int:
    """Print the ledger, then what is odd about its image; returns the exit status."""
    if image is None:
        render.ledger(form, ledger, sys.stdout)
        return ExitStatus.EXPLAINED
    render.image(form, image, ledger, sys.stdout)
    for note in image.notes:
        print(f"scratchlab: note: {printable(note)}", file=sys.stderr)
    for problem in image.problems:
        print(f"scratchlab: {printable(problem)}", file=sys.stderr)
    return ExitStatus.FAILED if image.problems else ExitStatus.EXPLAINED


def image_ledger(
    source: str,
    *,
    reference: str | None,
    platform: str | None,
    engine: str | None,
    url: str | None,
    progress: Progress,
) -> tuple[Image, Ledger]:
    """Read the image in ``source``: a file, ``-`` for standard input, a directory, else an engine's
    reference.

    ``reference`` and ``platform`` choose among the images of one archive. Raises LabError.
    """
    wanted = None if platform is None else platforms.parse(platform)
    if _is_path(source):
        count = progress.step("reading the image", "bytes")
        if os.path.isdir(source):
            archive = read_directory(source, reference=reference, platform=wanted, progress=count)
        else:
            with _open_archive(source) as stream:
                archive = read_archive(stream, reference=reference, platform=wanted, progress=count)
        return archive.image, archive.ledger
    for option, value in (("--reference", reference), ("--platform", platform)):
        if value is not None:
            raise LabError(f"{option} chooses within an archive", "name the image itself instead")
    with connect_engine(engine, url) as client:
        return from_engine.read_engine_image(client, client.facts(), source, progress)


def live_ledger(
    container: str, engine: str | None, url: str | None, vantage: str, progress: Progress
) -> Ledger:
    """Read what the container's process sees as its root. Raises LabError."""
    with (
        connect_engine(engine, url) as client,
        open_view(client, client.inspect_container(container), vantage) as view,
    ):
        return view.live(progress)


def _is_path(source: str) -> bool:
    """Whether ``source`` names a file or directory here, and not an image that an engine has."""
    if source == "-" or source.startswith(("/", "./", "../")) or source in (".", ".."):
        return True
    if not os.path.isdir(source):
        return os.path.exists(source)
    # A directory may happen to have an image's name.
    return source.endswith("/") or any(
        os.path.lexists(os.path.join(source, name)) for name in ("index.json", "manifest.json")
    )


@contextmanager
def _open_archive(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        if sys.stdin.isatty():
            remedy = "pipe one in: docker save IMAGE | scratchlab image -"
            raise LabError("no archive on standard input: it is a terminal", remedy)
        yield sys.stdin.buffer
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        remedy = "name an archive that `docker save -o FILE IMAGE` wrote"
        raise LabError(f"cannot read {source}: {error.strerror}", remedy) from error
    with stream:
        yield stream
