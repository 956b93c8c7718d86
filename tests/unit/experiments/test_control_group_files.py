"""Where the control groups of a process are, by cgroups(7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from scratchlab import mountinfo
from scratchlab.collect.kernel_files import LocalKernelFiles
from scratchlab.errors import LabError
from scratchlab.experiments.e13_limit_files import (
    group_directory,
    parse_groups,
    read_files,
    read_number,
)
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


def test_v1_has_a_group_for_each_controller_and_v2_one_without_a_name() -> None:
    text = "9:name=systemd:/\n2:cpu,cpuacct:/docker/x\n1:memory:/docker/a:b\n0::/\n"
    assert parse_groups(text) == {
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
def test_group_is_found_below_its_mount(
    version: int, text: str, root: str, controller: str, group: str, found: str
) -> None:
    assert group_directory(version, controller, group, mounts(text, root)) == found


@pytest.mark.parametrize(
    ("version", "text", "root", "controller", "group"),
    [
        (1, V1, "/", "pids", "/docker/x"),  # no such hierarchy
        (1, V1, "/docker/o", "memory", "/docker/other"),  # another container's group
        (1, V1, "/", "memory", "/../x"),  # above the reader's own cgroup namespace
        (2, V2, "/a", "memory", "/ab"),
    ],
)
def test_group_that_no_mount_shows_is_an_error(
    version: int, text: str, root: str, controller: str, group: str
) -> None:
    with pytest.raises(LabError, match="no mount shows the control group"):
        group_directory(version, controller, group, mounts(text, root))


def test_files_and_their_numbers_are_read(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 7\nnr_throttled 3\n")
    (tmp_path / "pids.max").write_text("max\n")
    (tmp_path / "pids.current").write_text("24\n")
    names = ["cpu.stat", "pids.max", "pids.current", "missing"]
    files = read_files(LocalKernelFiles(), {"c": str(tmp_path)}, [("c", name) for name in names])
    assert dict(files)["pids.max"] == "max"
    assert dict(files)["missing"] == ""
    assert read_number(files, "cpu.stat", "nr_throttled") == 3
    assert read_number(files, "cpu.stat", "absent") == read_number(files, "pids.max") == 0
    assert read_number(files, "pids.current") == 24
