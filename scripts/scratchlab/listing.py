"""One ledger on its own: of an image archive, of an engine's image, of a running container."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Image
from scratchlab.progress import Progress


def image(
    source: str, reference: str | None, engine: str | None, url: str | None, progress: Progress
) -> tuple[Image, Ledger]:
    """The image in ``source``: a file, ``-`` for standard input, else a reference for the engine.

    ``reference`` chooses among the images of one archive. Raises LabError.
    """
    from scratchlab.collect.archives import read_archive

    if source == "-" or os.path.exists(source) or source.startswith(("/", "./", "../")):
        with _opened(source) as stream:
            count = progress.step("reading the image", "bytes")
            archive = read_archive(stream, reference=reference, progress=count)
        return archive.image, archive.ledger
    if reference is not None:
        raise LabError("--reference chooses within an archive", "name the image itself instead")
    from scratchlab.collect import image as engine_image
    from scratchlab.collect.engines import connect  # 0.2 s that archives do not need

    with connect(engine, url) as client:
        return engine_image.read(client, client.facts(), source, progress)


def live(
    container: str, engine: str | None, url: str | None, vantage: str, progress: Progress
) -> Ledger:
    """What the container's process sees as its root; raises LabError."""
    from scratchlab.collect.engines import connect
    from scratchlab.collect.vantage import opened

    with (
        connect(engine, url) as client,
        opened(client, client.inspect_container(container), vantage) as view,
    ):
        return view.live(progress)


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        if sys.stdin.isatty():
            mend = "pipe one in: docker save IMAGE | scratchlab image -"
            raise LabError("no archive on standard input: it is a terminal", mend)
        yield sys.stdin.buffer
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        mend = "name an archive that `docker save -o FILE IMAGE` wrote"
        raise LabError(f"cannot read {source}: {error.strerror}", mend) from error
    with stream:
        yield stream
