"""E13's limits: the option that sets each, and the control group files that hold it.

cgroup v1 has a hierarchy for one controller or a few, each with its own mount, and a process has a
group in every hierarchy. cgroup v2 has one hierarchy, and one group has the files of all
controllers.

Sources: cgroups(7); Linux Documentation/admin-guide/cgroup-v1/{memory,cpuacct,pids}.rst,
Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst. Measured with Docker
20.10.24, Docker 26.1.5 and podman 4.3.1 on v1, Docker 26.1.5 (Linux 6.12) on v2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scratchlab import mountinfo
from scratchlab.collect.kernel_files import KernelFiles
from scratchlab.errors import LabError
from scratchlab.model import Mount

MEMORY = 16 * 1024 * 1024  # bytes: enough for a Go program, and soon filled in steps of 1 MB
CPU_SHARE = 0.1  # of one CPU: low enough to be reached on a busy machine too
PIDS = 24  # a Go program has about five threads, and threads count
_PERIOD = 100_000  # microseconds: what Docker sets for --cpus (moby daemon/daemon_unix.go)
_QUOTA = int(CPU_SHARE * _PERIOD)

Files = tuple[tuple[str, str], ...]  # name and content of each


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as a person sets it, and as the kernel keeps it.

    ``verb`` is the argument that makes the lab's program exceed the limit. ``options`` are the
    SDK's. ``expected`` has the files and their content by cgroup version, ``counters`` the files in
    which the kernel counts, as (controller, file), since v1 may keep them in another hierarchy.
    ``info_key`` is the key of ``docker info`` that shows whether the engine can set the limit.
    """

    controller: str
    option: str
    verb: str
    options: Mapping[str, Any]
    expected: Mapping[int, Files]
    counters: Mapping[int, tuple[tuple[str, str], ...]]
    info_key: str


LIMITS = (
    Limit(
        "memory",
        "--memory 16m",
        "allocate",
        {"mem_limit": MEMORY, "memswap_limit": MEMORY},
        {1: (("memory.limit_in_bytes", str(MEMORY)),), 2: (("memory.max", str(MEMORY)),)},
        {1: (), 2: ()},  # the group ends with its only process
        "MemoryLimit",
    ),
    Limit(
        "cpu",
        "--cpus 0.1",
        "spin",
        {"nano_cpus": int(CPU_SHARE * 1e9)},
        {
            1: (("cpu.cfs_quota_us", str(_QUOTA)), ("cpu.cfs_period_us", str(_PERIOD))),
            2: (("cpu.max", f"{_QUOTA} {_PERIOD}"),),
        },
        {1: (("cpu", "cpu.stat"), ("cpuacct", "cpuacct.usage")), 2: (("cpu", "cpu.stat"),)},
        "CpuCfsQuota",
    ),
    Limit(
        "pids",
        "--pids-limit 24",
        "fork",
        {"pids_limit": PIDS},
        {1: (("pids.max", str(PIDS)),), 2: (("pids.max", str(PIDS)),)},
        {
            1: (("pids", "pids.current"), ("pids", "pids.events")),
            2: (("pids", "pids.current"), ("pids", "pids.events")),
        },
        "PidsLimit",
    ),
)


def parse_groups(cgroup: str) -> dict[str, str]:
    """The group of a process by controller (``""`` for v2), from the text of /proc/PID/cgroup."""
    groups = {}
    for line in cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


def group_directory(version: int, controller: str, group: str, mounts: Sequence[Mount]) -> str:
    """The directory of ``group`` where these ``mounts`` are. Raises LabError if none shows it.

    ``group`` and the roots of the mounts are both relative to the reader's cgroup namespace
    (cgroup_namespaces(7)), so this also works in a container.
    """
    fstype = "cgroup2" if version == 2 else "cgroup"
    for target, mount in mountinfo.visible_mounts(mounts).items():
        if mount.fstype != fstype or (version == 1 and controller not in mount.super_options):
            continue
        root = mount.root.rstrip("/")
        below = group.removeprefix(root)
        if f"{group}/".startswith(f"{root}/") and ".." not in below.split("/"):
            return f"{target}{below}".rstrip("/")
    raise LabError(
        f"no mount shows the control group {group} ({controller})",
        "run scratchlab on the engine's own host",
    )


def read_files(
    kernel: KernelFiles, directories: Mapping[str, str], names: Sequence[tuple[str, str]]
) -> Files:
    """The stripped content of files given as (controller, file name); "" for a missing file.

    ``directories`` has a directory for each controller.
    """
    files = []
    for controller, name in names:
        found = kernel.read(f"{directories[controller]}/{name}") or b""
        files.append((name, found.decode("ascii", "replace").strip()))
    return tuple(files)


def read_number(files: Files, name: str, key: str = "") -> int:
    """The number that is the whole content of a file, or the value of ``key`` in it; 0 if none."""
    content = dict(files).get(name, "")
    if key:
        pairs = dict(line.split(" ", 1) for line in content.splitlines() if " " in line)
        content = pairs.get(key, "")
    return int(content) if content.isdecimal() else 0
