"""A closed directory is opened again only if it is still the same one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab.collect.live.directories import DirectoryStack, MovedError, OpenDirectory
from scratchlab.collect.live.file_status import status_of, to_entry


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    (tmp_path / "a/b/c/d").mkdir(parents=True)
    return tmp_path


def enter(root: Path) -> DirectoryStack:
    """Enter a/b/c/d with one open directory beside the root, then leave to b, now closed."""
    directories = DirectoryStack(keep=1)
    at = root
    for name in ("", "a", "b", "c", "d"):
        at = at / name
        fd = os.open(at, os.O_PATH | os.O_NOFOLLOW)
        status = status_of(fd)
        directories.push(OpenDirectory(name, fd, status, to_entry(str(at), status, ())))
    directories.pop()
    directories.pop()
    assert directories.last.name == "b"
    assert directories.last.fd is None
    return directories


def test_a_closed_directory_is_reached_from_the_root(outer: Path) -> None:
    directories = enter(outer)
    assert os.path.samestat(os.stat(directories.fd()), os.stat(outer / "a/b"))
    directories.close()


def test_a_directory_that_was_moved_away_is_not_followed(outer: Path) -> None:
    directories = enter(outer)
    os.rename(outer / "a/b", outer / "elsewhere")
    with pytest.raises(MovedError) as moved:
        directories.fd()
    assert moved.value.depth == 2
    directories.close()


def test_another_directory_in_its_place_is_not_accepted(outer: Path) -> None:
    directories = enter(outer)
    os.rename(outer / "a", outer / "was a")
    (outer / "a/b").mkdir(parents=True)
    with pytest.raises(MovedError) as moved:
        directories.fd()
    assert moved.value.depth == 1
    directories.close()


def test_a_symlink_in_its_place_is_not_followed(outer: Path) -> None:
    directories = enter(outer)
    os.rename(outer / "a", outer / "was a")
    (outer / "a").symlink_to("was a")
    with pytest.raises(MovedError):
        directories.fd()
    directories.close()


def test_no_descriptor_is_left_open(outer: Path) -> None:
    before = os.listdir("/proc/self/fd")
    directories = enter(outer)
    directories.fd()
    directories.close()
    directories = enter(outer)
    os.rename(outer / "a/b", outer / "elsewhere")
    with pytest.raises(MovedError):
        directories.fd()
    directories.close()
    assert os.listdir("/proc/self/fd") == before
