"""One look tells what stat(2) tells, and the mount, by whichever call the system has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab import mountinfo
from scratchlab.collect.live.look import look, look_by_fstat, mount_of


@pytest.mark.parametrize(
    "path", ["/", "/dev/null", "/dev/tty", "/proc/self/stat", "/proc/self/exe"]
)
def test_statx_and_fstat_agree(path: str) -> None:
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        assert look(fd) == look_by_fstat(fd)
    finally:
        os.close(fd)


def test_the_mount_is_the_one_that_mountinfo_lists() -> None:
    mounts = mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
    fd = os.open("/proc", os.O_PATH)
    try:
        assert mount_of(fd) == mountinfo.visible(mounts)["/proc"].id
    finally:
        os.close(fd)


def test_fields_are_those_of_stat(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").hardlink_to(tmp_path / "file")
    os.utime(tmp_path / "file", ns=(1, -987_654_321))
    fd = os.open(tmp_path / "file", os.O_PATH)
    try:
        seen, stat = look(fd), os.stat(tmp_path / "file")
    finally:
        os.close(fd)
    assert (seen.size, seen.links, seen.mtime) == (5, 2, -987_654_321)
    assert (seen.mode, seen.uid, seen.gid, seen.inode, seen.ctime, os.makedev(*seen.device)) == (
        stat.st_mode, stat.st_uid, stat.st_gid, stat.st_ino, stat.st_ctime_ns, stat.st_dev,
    )  # fmt: skip
