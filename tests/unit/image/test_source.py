"""What the argument of ``scratchlab image`` names, and the options that choose within it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab.__main__ import main
from scratchlab.cli.ledgers import _is_path

from .archives import oci
from .test_directory import IMAGE, unpacked


def test_directory_with_an_image_in_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unpacked(oci(IMAGE), tmp_path / "layout")
    assert main(["image", str(tmp_path / "layout")]) == 0
    assert "/one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "is_path"),
    [
        ("nginx", False),  # a directory that happens to have an image's name
        ("layout", True),
        ("nginx/", True),
        ("./nginx", True),
        (".", True),
        ("-", True),
        ("archive.tar", True),
        ("no/such", False),
        ("/no/such", True),
    ],
)
def test_path_or_image_of_the_engine(
    source: str, is_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("nginx")
    unpacked(oci(IMAGE), tmp_path / "layout")
    Path("archive.tar").touch()
    assert _is_path(source) is is_path


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--platform", "linux/arm64", "sleep"], "--platform chooses within an archive"),
        (["--reference", "x", "sleep"], "--reference chooses within an archive"),
        (["--platform", "a b", "/x"], "a b is not a platform; write it as linux/amd64"),
        (["/no/such/file"], "cannot read /no/such/file: No such file or directory"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["image", *arguments]) == 2
    written = capsys.readouterr()
    assert written.err.startswith(f"scratchlab: {line}")
    assert (written.out, written.err.count("\n")) == ("", 1)
