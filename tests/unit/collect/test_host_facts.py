"""The facts of this machine that decide a container's cgroup mounts and masks."""

from __future__ import annotations

import os
from pathlib import Path

from scratchlab import mountinfo
from scratchlab.collect.host_facts import cgroups, read_host


def mounts(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def test_version_1_names_each_hierarchy_in_mount_order() -> None:
    text = mounts(
        "1 0 0:1 / / rw - ext4 /dev/vda rw",
        "2 1 0:2 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755",
        "3 2 0:3 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
        "4 2 0:4 / /sys/fs/cgroup/systemd rw - cgroup cgroup"
        " rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd",
        "5 2 0:5 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,clone_children,memory",
        "6 2 0:6 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    )
    assert cgroups(mountinfo.parse(text), b"") == (1, ("cpu,cpuacct", "name=systemd", "memory"))


def test_a_cgroup2_mount_at_the_root_is_version_2() -> None:
    text = mounts(
        "1 0 0:1 / / rw - ext4 /dev/vda rw", "2 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    )
    assert cgroups(mountinfo.parse(text), b"cpu memory\n") == (2, ("cpu", "memory"))


def test_version_2_stacked_on_version_1_is_version_2() -> None:
    text = mounts(
        "1 0 0:1 / / rw - ext4 /dev/vda rw",
        "2 1 0:2 / /sys/fs/cgroup rw - tmpfs tmpfs rw",
        "3 2 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
        "4 2 0:4 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
    )
    assert cgroups(mountinfo.parse(text), b"")[0] == 2


def test_a_machine_without_cgroups_has_version_0() -> None:
    assert cgroups(mountinfo.parse(b"1 0 0:1 / / rw - ext4 /dev/vda rw\n"), b"") == (0, ())


def test_this_machine_is_described() -> None:
    host = read_host()
    assert (host.name, host.kernel) == (os.uname().nodename, os.uname().release)
    assert ("/proc/kcore" in host.existing) == Path("/proc/kcore").exists()
    assert "/proc/sys" in host.existing


def test_only_candidates_that_exist_are_listed(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    candidates = {f"{tmp_path}/dangling", f"{tmp_path}/absent"}
    assert candidates & read_host(candidates).existing == {f"{tmp_path}/dangling"}
