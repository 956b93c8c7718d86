"""Input that is not an image archive: one line names what it is, with exit status 2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scratchlab.errors import LabError

from .archives import archive, blobs_of, classic, docker25, image, index_of
from .build import directory, dumped, file, gzipped, layer, zstd
from .reading import read

IMAGE = image(layer(file("x", b"x" * 3000)))
SAVED = classic(IMAGE)
EXPORTED = layer(file(".dockerenv", mode=0o755), directory("etc/"), file("etc/hostname"))
OLD = layer(directory("abc/"), file("abc/layer.tar", IMAGE.layers[0]), file("repositories", b"{}"))
BLOBS = archive(blobs_of(IMAGE)[0])

WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not an image archive: an empty file"),
    "empty gzip": (gzipped(b""), "not an image archive: gzip data of an empty file"),
    "text": (b"hello\n" * 100, "not an image archive: not a tar file (it starts with hello"),
    "a short text": (b"x", "not a tar file (it starts with x)"),
    "escapes": (b"\x1b[31m" * 100, "it starts with \\x1b[31m\\x1b[3)"),
    "a program": (b"\x7fELF" + bytes(600), "not an image archive: a program (ELF)"),
    "a zip": (b"PK\x03\x04" + bytes(600), "not an image archive: a zip file"),
    "a page": (b"<!DOCTYPE html>" + bytes(600), "not an image archive: a web page"),
    "json": (b' [{"Config": 1}]', "not a tar file"),
    "a manifest": (dumped({"schemaVersion": 2}), "not an image archive: a JSON document"),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(600), "not an image archive: a file compressed with lz4"),
    "broken xz": (b"\xfd7zXZ\0" + bytes(600), "its xz data is damaged"),
    "broken bzip2": (b"BZh91AY&SY" + bytes(600), "its bzip2 data is damaged"),
    "nearly bzip2": (b"BZh9" + bytes(600), "not a tar file (it starts with BZh9"),
    "a package": (b"!<arch>\ndebian-binary", "a Debian package or another ar archive"),
    "gzip of text": (gzipped(b"hello" * 200), "gzip data of something that is not a tar file"),
    "zstd of gzip": (zstd(gzipped(SAVED)), "zstd data of a file compressed with gzip"),
    "broken gzip": (b"\x1f\x8b\x08" + b"\xff" * 600, "its gzip data is damaged"),
    "broken zstd": (b"\x28\xb5\x2f\xfd" + b"\xff" * 600, "its zstd data is damaged"),
    "an exported container": (EXPORTED, "a container's filesystem as `docker export` writes it"),
    "a plain tar": (layer(file("notes.txt", b"x")), "a tar file without manifest.json"),
    "an empty tar": (layer(), "a tar file without files"),
    "a layer": (IMAGE.layers[0], "a tar file without manifest.json"),
    "a first layer": (layer(file("etc/os-release")), "a root filesystem or a layer alone"),
    "an upper layer": (gzipped(layer(file("x/.wh.y"))), "a layer alone (it has whiteouts)"),
    "an eStargz layer": (layer(file("stargz.index.json", b"{}")), "an eStargz layer alone"),
    "docker save before 1.10": (OLD, "written by docker save before Docker 1.10"),
    "blobs alone": (BLOBS, "contains image blobs, but neither manifest.json nor index.json"),
    "a null manifest.json": (archive({"manifest.json": b"null"}), "its manifest.json lists none"),
    "an empty manifest.json": (archive({"manifest.json": b"[]"}), "its manifest.json lists none"),
    "null manifests": (archive({"index.json": index_of(None)}), "its index.json lists none"),
    "null everywhere": (
        archive({"index.json": index_of(None), "manifest.json": b"null"}),
        "its manifest.json and index.json list none",
    ),
    "cut within a header": (SAVED[:700], "the archive is damaged: truncated in a header"),
    "cut within a layer": (
        SAVED[: SAVED.index(b"x" * 3000) + 1000],
        "the archive is damaged: truncated in ",
    ),
    "cut before manifest.json": (
        SAVED[: SAVED.index(b"manifest.json")],
        "a tar file without manifest.json",
    ),
    "cut gzip": (gzipped(SAVED)[:-300], "its gzip data is truncated"),
    "cut zstd": (zstd(SAVED)[:-100], "its zstd data is truncated"),
    "a damaged header": (
        SAVED.replace(b"manifest.json", b"mAnifest.json"),
        "a header's checksum is wrong",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_one_line_names_what_it_is(what: str) -> None:
    data, expected = WRONG[what]
    with pytest.raises(LabError) as caught:
        read(data)
    line = str(caught.value)
    assert expected in line
    assert "\n" not in line
    assert line.isprintable()
    assert caught.value.remedy


@pytest.mark.parametrize("made", [classic, docker25])
def test_truncated_archive_is_refused_or_noted(
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
        assert marked or "it may be truncated" in found.image.problems[0]


@pytest.mark.parametrize("what", ["empty", "a plain tar", "cut within a layer", "null manifests"])
def test_command_exits_with_2_and_prints_that_line(what: str, tmp_path: Path) -> None:
    data, expected = WRONG[what]
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
        assert expected in line
