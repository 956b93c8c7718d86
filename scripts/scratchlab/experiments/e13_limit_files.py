"""Where the kernel keeps a process's control groups, and which of their files hold a limit.

Version 1 has one hierarchy a controller (or a few), each mounted on its own, and a process has a
group in each; version 2 has one hierarchy, and one group holds every controller's files. Sources
of facts: cgroups(7); Linux Documentation/admin-guide/cgroup-v1/{memory,cpuacct,pids}.rst,
Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst. Measured with Docker
20.10.24, Docker 26.1.5 and podman 4.3.1 on version 1, Docker 26.1.5 (Linux 6.12) on version 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchlab import mountinfo
from scratchlab.errors import LabError
from scratchlab.model import Mount

MEMORY = 16 * 1024 * 1024  # bytes: a Go program runs in it, and 1 MB steps soon fill it
CPU_SHARE = 0.1  # of one CPU: low enough to be reached on a busy machine too
PIDS = 24  # a Go program has about five threads, and threads count
_PERIOD = (
    100_000  # microseconds, runc's and Docker's choice for --cpus (moby daemon/daemon_unix.go)
)
_QUOTA = int(CPU_SHARE * _PERIOD)

Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as a person sets it, and as the kernel holds it.

    ``verb`` makes the lab's program run into it. ``options`` are the SDK's. ``promised`` holds the
    files and their content by cgroup version; ``counters`` the files in which the kernel counts,
    as (controller, file), because version 1 may keep them in another hierarchy. ``told`` is the
    key of ``docker info`` that says whether the engine can set it.
    """

    controller: str
    option: str
    verb: str
    options: Mapping[str, Any]
    promised: Mapping[int, Files]
    counters: Mapping[int, tuple[tuple[str, str], ...]]
    told: str


LIMITS = (
    Limit(
        "memory",
        "--memory 16m",
        "allocate",
        {"mem_limit": MEMORY, "memswap_limit": MEMORY},
        {1: (("memory.limit_in_bytes", str(MEMORY)),), 2: (("memory.max", str(MEMORY)),)},
        {1: (), 2: ()},  # the group is gone with its only process
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


def groups(cgroup: str) -> dict[str, str]:
    """The group of a process by controller (``""`` for version 2), from its /proc/PID/cgroup."""
    found = {}
    for line in cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def directory(version: int, controller: str, group: str, mounts: Sequence[Mount]) -> str:
    """The directory of ``group`` on this host. Raises LabError where it cannot be reached.

    ``group`` and the mounts' roots are both relative to the reader's own cgroup namespace
    (cgroup_namespaces(7)), so they fit each other also inside of a container.
    """
    fstype = "cgroup2" if version == 2 else "cgroup"
    for target, mount in mountinfo.visible(mounts).items():
        if mount.fstype != fstype or (version == 1 and controller not in mount.super_options):
            continue
        root = mount.root.rstrip("/")
        below = group.removeprefix(root)
        if f"{group}/".startswith(f"{root}/") and ".." not in below.split("/"):
            return f"{target}{below}".rstrip("/")
    raise LabError(
        f"the control group {group} ({controller}) is not mounted where this shell can see it",
        "run scratchlab on the engine's own host",
    )


def read(directories: Mapping[str, str], files: Sequence[tuple[str, str]]) -> Files:
    """The content of these (controller, file) of a group, stripped; "" for a missing one."""
    found = []
    for controller, name in files:
        path = Path(directories[controller], name)
        found.append((name, path.read_text("ascii").strip() if path.exists() else ""))
    return tuple(found)


def number(files: Files, name: str, key: str = "") -> int:
    """A number from what :func:`read` gave: the whole content, or the value of a line's key."""
    content = dict(files).get(name, "")
    if key:
        pairs = dict(line.split(" ", 1) for line in content.splitlines() if " " in line)
        content = pairs.get(key, "")
    return int(content) if content.isdecimal() else 0
