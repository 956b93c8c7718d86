"""Images are unpacked to exactly their ledger, or refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.image import read_archive
from scratchlab.errors import LabError
from scratchlab.ladder.unpacked import unpack

from .conftest import BUSYBOX, Build

pytestmark = [pytest.mark.engine, pytest.mark.root]
ODD = """FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
RUN ["/bin/sh", "-c", "/bin/busybox mkdir -p /a/b /gone /opaque; echo one > /a/b/one; \
/bin/busybox ln /a/b/one /a/two; /bin/busybox ln -s /etc/../a/b /link; echo x > /gone/x; \
/bin/busybox mkfifo /pipe; /bin/busybox chown 1000:2000 /a/b/one; /bin/busybox chmod 4711 /a/b; \
echo below > /opaque/old; /bin/busybox mknod /node c 1 3"]
RUN ["/bin/sh", "-c", "/bin/busybox rm -r /gone /opaque; /bin/busybox mkdir /opaque; \
echo new > /opaque/new; echo two > /a/b/one"]
CMD ["/bin/busybox", "sleep", "3600"]
"""


@pytest.fixture
def odd(build_image: Build, engine: EngineClient, tmp_path: Path) -> Path:
    """The archive of an image with several layers and all kinds of entries."""
    image = build_image(ODD, {"busybox": BUSYBOX.read_bytes()}, tag="odd")
    path = tmp_path / "odd.tar"
    with engine.save(str(image.tags[0])) as stream, path.open("wb") as file:
        while block := stream.read(1 << 20):
            file.write(block)
    return path


def test_image_is_unpacked_to_exactly_its_ledger(odd: Path, tmp_path: Path) -> None:
    with odd.open("rb") as file:
        ledger = read_archive(file).ledger
    root = tmp_path / "root"
    unpack(ledger, str(odd), str(root))
    assert (root / "a/b/one").read_text() == "two\n"
    assert (root / "a/two").read_text() == "one\n"
    assert not (root / "opaque/old").exists()
    assert (root / "a/b").stat().st_mode & 0o7777 == 0o4711
    assert (root / "pipe").is_fifo()
    assert os.readlink(root / "link") == "/etc/../a/b"
    assert (root / "a/b/one").stat().st_uid == 1000
    assert (root / "bin/sh").read_bytes() == BUSYBOX.read_bytes()


def _other_content(ledger: Any) -> None:
    ledger.put(ledger.get("/a/b/one")._replace(sha256="0" * 64))


def _other_size(ledger: Any) -> None:
    ledger.put(ledger.get("/a/b/one")._replace(size=99))


def _below_a_link(ledger: Any) -> None:
    ledger.put(ledger.get("/a/b/one")._replace(path="/link/inside"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_other_content, "no content for /a/b/one"),
        (_other_size, "differs from the archive"),
        (_below_a_link, "the parent of /link/inside is not a directory"),
    ],
)
def test_tree_that_differs_from_the_ledger_is_refused(
    change: Callable[[Any], None], why: str, odd: Path, tmp_path: Path
) -> None:
    with odd.open("rb") as file:
        ledger = read_archive(file).ledger
    change(ledger)
    with pytest.raises(LabError, match=why):
        unpack(ledger, str(odd), str(tmp_path / "root"))
