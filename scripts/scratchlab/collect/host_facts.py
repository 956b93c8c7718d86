"""The machine's own facts: those that decide what a container on it sees.

Imported on systems other than Linux, too: the debug vantage uses the lists and :func:`cgroups`.
"""

from __future__ import annotations

import glob
import os
import platform
from collections.abc import Iterable, Sequence

from scratchlab import mountinfo
from scratchlab.collect.kernel_files import LocalKernelFiles
from scratchlab.model import Host, Mount

# Paths that engines mask or make read-only where the kernel has them, and /proc/kcore, which
# decides whether there is /dev/core.
# moby v20.10.0 to v29.0.0 oci/defaults.go, containers/common v0.50 to v0.65 and
# containers/podman v4.3 to v5.8 pkg/specgen/generate/config_linux.go;
# runc v1.0.0 to v1.5.0 libcontainer/rootfs_linux.go setupDevSymlinks() (kcore).
MASK_CANDIDATES = (
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
PER_CPU_MASKS = "/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle"
_CGROUP = "/sys/fs/cgroup"
CONTROLLERS = f"{_CGROUP}/cgroup.controllers"  # those of cgroup v2
# The files that an engine writes for a container: key in inspect -> where it mounts them.
ENGINE_FILES = {
    "HostnamePath": "/etc/hostname",
    "HostsPath": "/etc/hosts",
    "ResolvConfPath": "/etc/resolv.conf",
}
MOST_TEXT = 64 << 10  # bytes of such a file


def read_host(candidates: Iterable[str] = MASK_CANDIDATES) -> Host:
    """The facts of this machine. ``candidates`` are the paths to look for."""
    system = os.uname()
    with open("/proc/self/mountinfo", "rb") as lines:
        mounts = mountinfo.parse(lines.read())
    version, controllers = cgroups(mounts, LocalKernelFiles().read(CONTROLLERS) or b"")
    existing = {path for path in candidates if os.path.lexists(path)}
    return Host(
        name=system.nodename,
        kernel=system.release,
        distribution=_distribution(),
        cgroup_version=version,
        controllers=controllers,
        existing=frozenset(existing.union(glob.glob(PER_CPU_MASKS))),
    )


def cgroups(mounts: Sequence[Mount], unified: bytes) -> tuple[int, tuple[str, ...]]:
    """The cgroup version that a runtime with these mounts sees, and the controllers.

    ``unified`` is the content of :data:`CONTROLLERS` there, empty where there is no such file.

    The version is 2 where ``/sys/fs/cgroup`` itself is cgroup2 (runc v1.1.5
    libcontainer/cgroups/utils.go IsCgroup2UnifiedMode()), otherwise 1 (hybrid included), 0 where
    there is neither. The strings are the mounted hierarchies for version 1, as /proc/self/cgroup
    names them (``cpu,cpuacct``, ``name=systemd``), in the order of the mounts, and the controllers
    for version 2.
    """
    visible = mountinfo.visible_mounts(mounts)
    root = visible.get(_CGROUP)
    if root is not None and root.fstype == "cgroup2":
        return 2, tuple(unified.decode("ascii", "replace").split())
    below = (mount for path, mount in visible.items() if path.startswith(_CGROUP + "/"))
    hierarchies = [_hierarchy(mount) for mount in below if mount.fstype == "cgroup"]
    return (1 if hierarchies else 0), tuple(dict.fromkeys(hierarchies))


def _hierarchy(mount: Mount) -> str:
    # Options of cgroup v1 that are not controllers: Linux kernel/cgroup/cgroup-v1.c
    # cgroup1_show_options().
    flags = {"rw", "ro", "noprefix", "xattr", "clone_children", "cpuset_v2_mode", "favordynmods"}
    controllers = (
        option
        for option in mount.super_options
        if option not in flags and not option.startswith("release_agent=")
    )
    return ",".join(controllers)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
