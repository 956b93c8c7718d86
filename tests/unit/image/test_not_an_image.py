"""What is no image archive: one line that says what it is, and status 2 at the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scratchlab.errors import LabError

from .build import (
    archive,
    blobs_of,
    classic,
    directory,
    docker25,
    dumped,
    file,
    gzipped,
    image,
    index_of,
    layer,
    zstd,
)  # fmt: skip
from .reading import read

IMAGE = image(layer(file("x", b"x" * 3000)))
SAVED = classic(IMAGE)
EXPORTED = layer(file(".dockerenv", mode=0o755), directory("etc/"), file("etc/hostname"))
OLD = layer(directory("abc/"), file("abc/layer.tar", IMAGE.layers[0]), file("repositories", b"{}"))
BLOBS = archive(blobs_of(IMAGE)[0])

WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "this is no image archive: it is empty"),
    "empty gzip": (gzipped(b""), "it is gzip data of empty"),
    "text": (b"hello\n" * 100, "no tar archive (it starts with hello"),
    "a short text": (b"x", "no tar archive (it starts with x)"),
    "escapes": (b"\x1b[31m" * 100, "it starts with \\x1b[31m\\x1b[3)"),
    "a program": (b"\x7fELF" + bytes(600), "it is a program (ELF)"),
    "a zip": (b"PK\x03\x04" + bytes(600), "it is a zip file"),
    "a page": (b"<!DOCTYPE html>" + bytes(600), "it is a web page"),
    "json": (b' [{"Config": 1}]', "no tar archive"),
    "a manifest": (dumped({"schemaVersion": 2}), "it is a JSON document"),
    "xz": (b"\xfd7zXZ\0" + bytes(600), "it is compressed with xz"),
    "bzip2": (b"BZh9" + bytes(600), "it is compressed with bzip2"),
    "gzip of text": (gzipped(b"hello" * 200), "it is gzip data of no tar archive"),
    "zstd of gzip": (zstd(gzipped(SAVED)), "it is zstd data of no tar archive"),
    "broken gzip": (b"\x1f\x8b\x08" + b"\xff" * 600, "its gzip data is damaged"),
    "broken zstd": (b"\x28\xb5\x2f\xfd" + b"\xff" * 600, "its zstd data cannot be read"),
    "an exported container": (EXPORTED, "a container's filesystem as `docker export` writes it"),
    "a plain tar": (layer(file("notes.txt", b"x")), "it has no manifest.json"),
    "an empty tar": (layer(), "a tar archive without files"),
    "a layer": (IMAGE.layers[0], "a tar archive, and no image archive"),
    "docker save before 1.10": (OLD, "what docker save wrote before Docker 1.10"),
    "blobs alone": (BLOBS, "holds blobs of images, and neither manifest.json nor index.json"),
    "a null manifest.json": (archive({"manifest.json": b"null"}), "its manifest.json lists none"),
    "an empty manifest.json": (archive({"manifest.json": b"[]"}), "its manifest.json lists none"),
    "null manifests": (archive({"index.json": index_of(None)}), "its index.json lists none"),
    "null everywhere": (
        archive({"index.json": index_of(None), "manifest.json": b"null"}),
        "its manifest.json and index.json list none",
    ),
    "cut within a header": (SAVED[:700], "it ends within a header: it was cut short"),
    "cut within a layer": (
        SAVED[: SAVED.index(b"x" * 3000) + 1000],
        "it was cut short",
    ),
    "cut before manifest.json": (
        SAVED[: SAVED.index(b"manifest.json")],
        "it has no manifest.json",
    ),
    "cut gzip": (gzipped(SAVED)[:-300], "its gzip data was cut short"),
    "cut zstd": (zstd(SAVED)[:-100], "its zstd data was cut short"),
    "a damaged header": (
        SAVED.replace(b"manifest.json", b"mAnifest.json"),
        "a header's checksum is wrong",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_one_line_says_what_it_is(what: str) -> None:
    data, words = WRONG[what]
    with pytest.raises(LabError) as caught:
        read(data)
    line = str(caught.value)
    assert words in line
    assert "\n" not in line
    assert line.isprintable()
    assert caught.value.remedy


@pytest.mark.parametrize("made", [classic, docker25])
def test_an_archive_cut_anywhere_is_refused_or_says_that_it_may_be_cut(
    made: Callable[..., bytes],
) -> None:
    data = made(IMAGE)
    whole = read(data).ledger.digest()
    for size in range(0, len(data), 256):
        try:
            found = read(data[:size])
        except LabError:
            continue
        assert found.ledger.digest() == whole
        marked = size > len(data) - 1024  # half of the marker will do
        assert marked or "it may have been cut short" in found.image.problems[0]


@pytest.mark.parametrize("what", ["empty", "a plain tar", "cut within a layer", "null manifests"])
def test_the_command_line_ends_with_status_2_and_that_line(what: str, tmp_path: Path) -> None:
    data, words = WRONG[what]
    path = tmp_path / "archive.tar"
    path.write_bytes(data)
    for source, stdin in ((str(path), b""), ("-", data)):
        done = subprocess.run(
            [sys.executable, "-m", "scratchlab", "image", source],
            input=stdin, capture_output=True, check=False,
            env={**os.environ, "PYTHONPATH": "scripts"}, cwd=Path(__file__).parents[3],
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, b"")
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith("scratchlab: ")
        assert words in line
