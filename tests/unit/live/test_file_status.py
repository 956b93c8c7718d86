"""The status has the fields of stat(2) and the mount, by whichever call the system has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab import mountinfo
from scratchlab.collect.live.file_status import mount_id_of, status_by_fstat, status_of


@pytest.mark.parametrize(
    "path", ["/", "/dev/null", "/dev/tty", "/proc/self/stat", "/proc/self/exe"]
)
def test_statx_and_fstat_agree(path: str) -> None:
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        assert status_of(fd) == status_by_fstat(fd)
    finally:
        os.close(fd)


def test_the_mount_id_is_that_of_mountinfo() -> None:
    mounts = mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
    fd = os.open("/proc", os.O_PATH)
    try:
        assert mount_id_of(fd) == mountinfo.visible_mounts(mounts)["/proc"].id
    finally:
        os.close(fd)


def test_fields_are_those_of_stat(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").hardlink_to(tmp_path / "file")
    os.utime(tmp_path / "file", ns=(1, -987_654_321))
    fd = os.open(tmp_path / "file", os.O_PATH)
    try:
        status, stat = status_of(fd), os.stat(tmp_path / "file")
    finally:
        os.close(fd)
    assert (status.size, status.links, status.mtime) == (5, 2, -987_654_321)
    assert (status.mode, status.uid, status.gid) == (stat.st_mode, stat.st_uid, stat.st_gid)
    assert (status.inode, os.makedev(*status.device)) == (stat.st_ino, stat.st_dev)
    assert status.ctime == stat.st_ctime_ns
