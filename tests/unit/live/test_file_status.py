"""The status has the fields of stat(2) and the mount, by whichever call the system has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scratchlab import mountinfo
from scratchlab.collect.live import file_status
from scratchlab.collect.live.file_status import birth_of, mount_id_of, status_by_fstat, status_of


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


def test_the_birth_is_that_of_stat_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d"
    path.mkdir()
    fd = os.open(path, os.O_PATH)
    try:
        born = birth_of(fd)
        said = subprocess.run(
            ["stat", "-c", "%W", path], capture_output=True, text=True, check=True
        )
        assert born is not None
        assert born // 1_000_000_000 == int(said.stdout)
        assert born % 1_000_000_000 > 0
        path.chmod(0o700)
        os.utime(path, ns=(1, 1))
        assert birth_of(fd) == born
        monkeypatch.setattr(file_status, "_statx", None)
        assert birth_of(fd) is None
    finally:
        os.close(fd)


def test_a_filesystem_that_knows_no_birth_has_none() -> None:
    fd = os.open("/proc/self/stat", os.O_PATH)
    try:
        assert birth_of(fd) is None
    finally:
        os.close(fd)


def test_who_answers_for_a_filesystem_is_asked_only_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel has of a FUSE may be older (statx(2): AT_STATX_FORCE_SYNC)."""
    seen: list[tuple[int, int]] = []
    known: Any = file_status._statx
    assert known is not None

    def statx(fd: int, path: bytes, flags: int, mask: int, buffer: object) -> int:
        seen.append((flags & 0x6000, mask))
        return int(known(fd, path, flags, mask, buffer))

    monkeypatch.setattr(file_status, "_statx", statx)
    fd = os.open(tmp_path, os.O_PATH)
    try:
        found = [status_of(fd, 7), status_of(fd, 7, asked=True), status_of(fd, 7, cached=True)]
    finally:
        os.close(fd)
    assert seen == [(0x4000, 0x7FF), (0x2000, 0x7FF), (0x4000, 0)]
    assert found[0] == found[1]
