"""Where a process's control groups are, as cgroups(7) lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from scratchlab import mountinfo
from scratchlab.errors import LabError
from scratchlab.experiments.e13_limit_files import directory, groups, number, read
from scratchlab.model import Mount

V1 = """\
30 20 0:25 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
20 1 8:1 / / rw - ext4 /dev/sda1 rw
"""
V2 = "31 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"


def mounts(text: str, root: str = "/") -> tuple[Mount, ...]:
    return mountinfo.parse(text.replace(" / /sys", f" {root} /sys").encode())


def test_version_1_has_a_group_a_controller_and_version_2_one_without_a_name() -> None:
    text = "9:name=systemd:/\n2:cpu,cpuacct:/docker/x\n1:memory:/docker/a:b\n0::/\n"
    assert groups(text) == {
        "name=systemd": "/",
        "cpu": "/docker/x",
        "cpuacct": "/docker/x",
        "memory": "/docker/a:b",
        "": "/",
    }


@pytest.mark.parametrize(
    ("version", "text", "root", "controller", "group", "found"),
    [
        (1, V1, "/", "cpuacct", "/docker/x", "/sys/fs/cgroup/cpu,cpuacct/docker/x"),
        (1, V1, "/", "memory", "/", "/sys/fs/cgroup/memory"),
        (1, V1, "/docker/o", "memory", "/docker/o/docker/x", "/sys/fs/cgroup/memory/docker/x"),
        (
            2,
            V2,
            "/",
            "memory",
            "/system.slice/docker-x.scope",
            "/sys/fs/cgroup/system.slice/docker-x.scope",
        ),
        (2, V2, "/..", "pids", "/../y", "/sys/fs/cgroup/y"),
    ],
)
def test_a_group_is_found_below_its_mount(
    version: int, text: str, root: str, controller: str, group: str, found: str
) -> None:
    assert directory(version, controller, group, mounts(text, root)) == found


@pytest.mark.parametrize(
    ("version", "text", "root", "controller", "group"),
    [
        (1, V1, "/", "pids", "/docker/x"),  # no such hierarchy
        (1, V1, "/docker/o", "memory", "/docker/other"),  # of a neighbour
        (1, V1, "/", "memory", "/../x"),  # above the reader's own namespace
        (2, V2, "/a", "memory", "/ab"),
    ],
)
def test_a_group_that_is_not_mounted_here_is_a_clear_error(
    version: int, text: str, root: str, controller: str, group: str
) -> None:
    with pytest.raises(LabError, match="is not mounted where this shell can see it"):
        directory(version, controller, group, mounts(text, root))


def test_files_are_read_and_numbers_found_in_them(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 7\nnr_throttled 3\n")
    (tmp_path / "pids.max").write_text("max\n")
    (tmp_path / "pids.current").write_text("24\n")
    names = ["cpu.stat", "pids.max", "pids.current", "missing"]
    files = read({"c": str(tmp_path)}, [("c", name) for name in names])
    assert dict(files)["pids.max"] == "max"
    assert dict(files)["missing"] == ""
    assert number(files, "cpu.stat", "nr_throttled") == 3
    assert number(files, "cpu.stat", "absent") == number(files, "pids.max") == 0
    assert number(files, "pids.current") == 24
