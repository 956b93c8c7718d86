"""Where a bind's source lies within its filesystem: what mountinfo names as the mount's root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scratchlab import mountinfo
from scratchlab.collect import runtime_config
from scratchlab.errors import LabError
from scratchlab.model import Mount

ROOT = Mount(1, 0, (8, 1), "/", "/", (), (), "ext4", "/dev/sda", ())


def root_of(path: str) -> str:
    fd = os.open("/", os.O_PATH | os.O_DIRECTORY)
    try:
        (source,) = runtime_config.find_sources(fd, [ROOT], 1, [path])
    finally:
        os.close(fd)
    return source.root


def expected(path: Path) -> str:
    """The root as findmnt(8) shows it."""
    fields = ("--noheadings", "--output", "FSROOT,TARGET")
    shown = subprocess.run(
        ["findmnt", *fields, "--target", str(path)], capture_output=True, text=True, check=True
    ).stdout.split()  # fmt: skip
    return os.path.normpath(os.path.join(shown[0], os.path.relpath(path, shown[1])))


def test_root_is_the_path_within_the_filesystem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert root_of(f"{tmp_path}/file") == expected(tmp_path / "file")


def test_links_are_followed_as_the_kernel_follows_them(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    assert root_of(f"{tmp_path}/link") == expected(tmp_path / "file")


def test_path_below_a_bind_has_the_root_of_what_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = Mount(2, 1, (8, 1), "/volumes/x", "/usr", (), (), "ext4", "/dev/sda", ())
    monkeypatch.setattr(mountinfo, "parse", lambda _: (ROOT, bound))
    assert root_of("/usr/bin") == "/volumes/x/bin"
    assert root_of("/usr") == "/volumes/x"
    assert root_of("/etc") == "/etc"


def test_a_list_of_mounts_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_config, "_MOST_BYTES", 50)
    assert root_of("/etc") == ""


def test_without_mounts_no_root_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mountinfo, "parse", lambda _: ())
    assert root_of("/etc") == ""


@pytest.mark.parametrize("error", [OSError("refused"), LabError("malformed")])
def test_where_mounts_cannot_be_read_no_root_is_known(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(runtime_config, "open", refused, raising=False)
    assert root_of("/etc") == ""


def test_what_does_not_exist_has_no_root(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    roots = runtime_config._Roots()
    assert roots(f"{tmp_path}/link") == roots(f"{tmp_path}/gone") == ""
