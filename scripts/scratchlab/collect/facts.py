"""All facts of one container: what the engine, its runtime, the kernel and the host say."""

from __future__ import annotations

import glob
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from scratchlab import mountinfo
from scratchlab.collect import runtime_config, storage
from scratchlab.collect.holding import parent_pid
from scratchlab.collect.process import Process
from scratchlab.model import Container, Engine, Facts, Host, Image, Json, Mount

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


def gather(
    client: EngineClient, engine: Engine, inspect: Json, process: Process, image: Image
) -> Facts:
    """The facts of the container that ``inspect`` describes and ``process`` (held) runs in.

    What cannot be had is left empty, and ``problems`` says why; the rest still holds.
    """
    config = runtime_config.find_config(inspect, engine, client.info(), parent_pid(process))
    parts, hindrance = storage.find_layers(
        inspect, engine, image.diff_ids, process.mounts, process.root_mount
    )
    named = runtime_config.source_candidates(inspect, config.data, engine)
    return Facts(
        host=host(),
        engine=engine,
        runtime=client.runtime(inspect),
        image=image,
        container=Container(
            id=inspect["Id"],
            name=str(inspect.get("Name", "")).lstrip("/"),
            pid=process.pid,
            start_time=process.start_time,
            vantage="host",
            inspect=inspect,
            oci_config=config.data,
            oci_config_path=config.path,
            namespaces=process.namespaces,
            uid_map=process.uid_map,
        ),
        mounts=process.mounts,
        layers=parts,
        sources=runtime_config.find_sources(
            process.root_fd, process.mounts, process.root_mount, named
        ),
        host_namespaces=_host_namespaces(),
        problems=tuple(problem for problem in (config.problem, hindrance) if problem),
    )


def _host_namespaces() -> Mapping[str, str]:
    """Those of the machine's first process, else (no permission) our own."""
    for directory in ("/proc/1/ns", "/proc/self/ns"):
        try:
            return {
                name: os.readlink(f"{directory}/{name}") for name in sorted(os.listdir(directory))
            }
        except OSError:
            continue
    return {}


# The machine's own facts, those that decide what a container of it gets.


# Paths that engines mask or make read-only where the kernel has them, and what hangs on kcore.
# moby v20.10.0 to v29.0.0 oci/defaults.go, containers/common v0.50 to v0.65 and
# containers/podman v4.3 to v5.8 pkg/specgen/generate/config_linux.go;
# runc v1.0.0 to v1.5.0 libcontainer/rootfs_linux.go setupDevSymlinks() (kcore).
CANDIDATES = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/bus",
    "/proc/fs",
    "/proc/interrupts",
    "/proc/irq",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
)
PER_CPU = "/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle"
_CGROUP = "/sys/fs/cgroup"


def host(candidates: Iterable[str] = CANDIDATES) -> Host:
    """The facts of this machine; ``candidates`` are the paths whose existence is asked."""
    system = os.uname()
    with open("/proc/self/mountinfo", "rb") as lines:
        mounts = mountinfo.parse(lines.read())
    version, controllers = cgroups(mounts)
    existing = {path for path in candidates if os.path.lexists(path)}
    return Host(
        name=system.nodename,
        kernel=system.release,
        distribution=_distribution(),
        cgroup_version=version,
        controllers=controllers,
        existing=frozenset(existing.union(glob.glob(PER_CPU))),
    )


def cgroups(mounts: Sequence[Mount]) -> tuple[int, tuple[str, ...]]:
    """The cgroup version that a runtime with these mounts sees, and the controllers.

    Version 2 where ``/sys/fs/cgroup`` itself is cgroup2 (runc v1.1.5 libcontainer/cgroups/utils.go
    IsCgroup2UnifiedMode()), else 1 (hybrid included), 0 where there is neither. Version 1 gives
    one string for each mounted hierarchy, as /proc/self/cgroup names it (``cpu,cpuacct``,
    ``name=systemd``), in the order of the mounts; version 2 one for each controller.
    """
    visible = mountinfo.visible(mounts)
    root = visible.get(_CGROUP)
    if root is not None and root.fstype == "cgroup2":
        return 2, _unified_controllers()
    ours = (mount for path, mount in visible.items() if path.startswith(_CGROUP + "/"))
    found = [_hierarchy(mount) for mount in ours if mount.fstype == "cgroup"]
    return (1 if found else 0), tuple(dict.fromkeys(found))


def _unified_controllers() -> tuple[str, ...]:
    try:
        with open(f"{_CGROUP}/cgroup.controllers", encoding="ascii") as text:
            return tuple(text.read().split())
    except OSError:
        return ()


def _hierarchy(mount: Mount) -> str:
    # Options of cgroup v1 that are no controllers: Linux kernel/cgroup/cgroup-v1.c
    # cgroup1_show_options().
    flags = {"rw", "ro", "noprefix", "xattr", "clone_children", "cpuset_v2_mode", "favordynmods"}
    keep = (
        option
        for option in mount.super_options
        if option not in flags and not option.startswith("release_agent=")
    )
    return ",".join(keep)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
