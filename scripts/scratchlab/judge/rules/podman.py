"""What podman itself puts there. Read in podman v4.3 to v5.8, measured on 4.3.1, 5.4.2, 5.8.6."""

from __future__ import annotations

from scratchlab.judge.rules.rule import Citation, Rule
from scratchlab.model import Origin

KNOWN = ((4,), (6,))  # versions that these tables were read in: from, below


def _common(symbol: str) -> Citation:
    """A function that podman 4.3 moved to a file which FreeBSD shares."""
    return Citation(
        "containers/podman", "libpod/container_internal_linux.go", symbol,
        (((4, 3), "libpod/container_internal_common.go"),),
    )  # fmt: skip


_BIND = _common("makeBindMounts")
_INTERNAL = Citation("containers/podman", "libpod/container_internal.go", "mountStorage")


def _storage(driver: str) -> Citation:
    """A driver of containers/storage, in podman's vendored copy."""
    return Citation(
        "containers/podman", f"vendor/github.com/containers/storage/drivers/{driver}",
        "defaultPerms", (((5, 7), f"vendor/go.podman.io/storage/drivers/{driver}"),),
    )  # fmt: skip


RULES = (
    Rule(
        "podman-files",
        "podman binds /etc/hosts, hostname, resolv.conf, /run/.containerenv from its run directory",
        Origin.ENGINE_MOUNT, "start", _BIND,
        removed_by="--no-hosts, --no-hostname, --network none (resolv.conf)",
    ),
    Rule(
        "podman-shm",
        "podman binds /dev/shm from the container's run directory",
        Origin.ENGINE_MOUNT, "start", _BIND,
        removed_by="--ipc host shares the host's, --ipc none mounts a private one",
    ),
    Rule(
        "podman-init-program",
        "podman run --init binds the host's catatonit over /run/podman-init",
        Origin.ENGINE_MOUNT, "start",
        Citation("containers/podman", "pkg/specgen/generate/storage.go", "addContainerInitBinary"),
        removed_by="run without --init",
    ),
    Rule(
        "podman-secrets",
        "podman binds secrets and the host's subscriptions below /run/secrets",
        Origin.ENGINE_MOUNT, "start", _BIND,
        removed_by="run without --secret; an empty /usr/share/containers/mounts.conf",
    ),
    Rule(
        "podman-user-files",
        "podman adds the container's user to /etc/passwd and /etc/group where the image lacks it",
        Origin.ENGINE_CREATE, "start",
        _common("generatePasswdAndGroup"),
        removed_by="--passwd=false, or an image that has the user",
    ),
    Rule(
        "podman-etc",
        "podman makes /etc and links /etc/mtab to /proc/mounts in the writable layer where missing",
        Origin.ENGINE_CREATE, "create", _INTERNAL,
        removed_by="an image that has its own",
    ),
    Rule(
        "podman-workdir",
        "podman makes the image's WORKDIR where the image lacks it",
        Origin.ENGINE_CREATE, "start",
        _common("resolveWorkDir"),
        removed_by="no WORKDIR in the image",
    ),
    Rule(
        "podman-user-mount",
        "a mount that the user or the image's VOLUME asked for",
        Origin.USER_MOUNT, "start",
        Citation("containers/podman", "pkg/specgen/generate/storage.go", "finalizeMounts"),
        removed_by="run without that -v, --mount or --tmpfs",
    ),
    Rule(
        "podman-volume-copy",
        "podman copies what the image has at this path into a new, empty volume",
        Origin.VOLUME_COPY, "start",
        Citation("containers/podman", "libpod/container_internal.go", "mountNamedVolume"),
        removed_by="-v NAME:PATH:nocopy, or a volume that is not empty",
    ),
    Rule(
        "podman-root",
        "containers/storage makes the root directory of the container, 0555",
        Origin.STORAGE_DRIVER, "create",
        _storage("overlay/overlay.go"),
        removed_by="nothing; an image with an entry for its root directory decides the mode",
    ),
    Rule(
        "podman-root-vfs",
        "containers/storage copies the image's root directory for the container, 0555",
        Origin.STORAGE_DRIVER, "create",
        _storage("vfs/driver.go"),
        removed_by="nothing; an image with an entry for its root directory decides the mode",
    ),
)  # fmt: skip

INIT_PROGRAM = "/run/podman-init"  # since podman v4: pkg/specgen/generate/oci_linux.go

# podman v5.4.2 pkg/specgen/generate/oci_linux.go and libpod/container_internal_linux.go
# setupSystemd(): the directories that systemd needs writable.
SYSTEMD_DIRECTORIES = ("/run", "/run/lock", "/tmp", "/var/log/journal")  # noqa: S108
# podman v4.4 to v5.8 pkg/specgen/generate/storage.go addReadWriteTmpfsMounts().
WRITABLE_DIRECTORIES = ("/run", "/tmp", "/var/tmp")  # noqa: S108
# On a host in FIPS mode podman binds its policies, or those that the image has: target -> end of
# the source (containers/common v0.49 to v0.64 pkg/subscriptions/subscriptions.go).
FIPS_POLICIES = {
    "/etc/crypto-policies/back-ends": "/usr/share/crypto-policies/back-ends/FIPS",
    "/etc/crypto-policies/config": "/usr/share/crypto-policies/default-fips-config",
}

# Paths that podman masks -> the versions (from, below) that do. Read in v4.0 to v5.8:
# pkg/specgen/generate/config_linux.go BlockAccessToKernelFilesystems(), from v5.0 on
# containers/common pkg/config/default.go DefaultMaskedPaths; powercap is added in
# libpod/container_internal_linux.go addMaskedPaths(). thermal_throttle is a
# name: each processor has one.
_ALWAYS = KNOWN
MASKED = {
    "/proc/acpi": _ALWAYS,
    "/proc/kcore": _ALWAYS,
    "/proc/keys": _ALWAYS,
    "/proc/latency_stats": _ALWAYS,
    "/proc/sched_debug": _ALWAYS,
    "/proc/scsi": _ALWAYS,
    "/proc/timer_list": _ALWAYS,
    "/proc/timer_stats": _ALWAYS,
    "/sys/firmware": _ALWAYS,
    "/sys/fs/selinux": _ALWAYS,
    "/sys/dev/block": ((4,), (5, 4)),
    "/sys/devices/virtual/powercap": ((4, 8), (6,)),
    "/proc/interrupts": ((5, 5), (6,)),
    "thermal_throttle": ((5, 5), (6,)),
}
# The same list in v4.0 to v5.8; Docker masks /proc/asound instead.
READONLY = ("/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
            "/proc/sysrq-trigger")  # fmt: skip
# Beginnings of --security-opt that change both lists: pkg/specgenutil/specgen.go, v4.0 to v5.8.
CHANGES_MASKS = ("mask=", "unmask=", "systempaths=", "label=nested")
# Options that leave a read-only root without writable directories: v4.0 to v5.8,
# cmd/podman/common/create.go.
KEEPS_READONLY = ("--read-only-tmpfs=false",)

# Rule and path -> how to avoid it there, where the rule's own words name several.
ADVICE = {
    ("podman-files", "/etc/hosts"): "--no-hosts",
    ("podman-files", "/etc/hostname"): "--no-hostname",
    ("podman-files", "/etc/resolv.conf"): "--network none",
}
