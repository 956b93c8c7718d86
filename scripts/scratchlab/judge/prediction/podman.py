"""What podman and its runtime put into a container's root."""

from __future__ import annotations

from typing import Any

from scratchlab.judge.places import NETWORK_FILES, Content, in_mount_order
from scratchlab.judge.podman_masks import default_masks, has_option
from scratchlab.judge.prediction.predictions import PredictionBuilder
from scratchlab.judge.rules.podman import (
    KEEPS_READONLY,
    SYSTEMD_DIRECTORIES,
    WRITABLE_DIRECTORIES,
)
from scratchlab.judge.versions import numbers
from scratchlab.model import Kind, Origin

_SAFE = ("nosuid", "noexec", "nodev")


def predict(builder: PredictionBuilder) -> None:
    """Add what podman and its runtime put there, as far as it was measured (4.3 to 5.8).

    Effects of containers.conf, hooks, networks and secrets are left to the evidence.
    """
    builder.complete = False
    users = builder.wishes
    makes_dev = "/dev" not in users
    builder.add_root("podman-root")
    etc = builder.resolve("/etc")
    if builder.image.get(etc) is None:
        builder.add_on_root(etc, Origin.ENGINE_CREATE, "podman-etc", kind=Kind.DIRECTORY)
    if builder.image.get(f"{etc}/mtab") is None:
        builder.add_on_root(
            f"{etc}/mtab", Origin.ENGINE_CREATE, "podman-etc",
            kind=Kind.SYMLINK, target="/proc/mounts",
        )  # fmt: skip
    builder.add_filesystem("/proc", "proc", 0o555, _SAFE)
    if makes_dev:
        builder.add_dev()
        builder.add_filesystem("/dev/pts", "devpts", 0o755, ("nosuid", "noexec"))
        if "/dev/mqueue" not in users:
            builder.add_filesystem("/dev/mqueue", "mqueue", 0o1777, _SAFE)
        builder.add(
            "/dev/pts/ptmx", Origin.KERNEL, "devpts-node", kind=Kind.CHAR, device=(5, 2),
            uid=None, gid=None,
        )  # fmt: skip
    if "/sys" not in users:
        # A rootless podman binds the host's with --network host, with options of its own.
        builder.add_filesystem("/sys", "sysfs", 0o555, () if _binds_sys(builder) else _SAFE)
    if "/sys/fs/cgroup" not in users:
        builder.add_place("/sys/fs/cgroup", Content.KERNEL)
    if builder.config.get("SystemdMode"):
        for path in SYSTEMD_DIRECTORIES:
            if path not in users:
                builder.add_mount(path, Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs")
    _add_writable(builder)
    if "/run" not in users:
        builder.add_mount(
            "/run/.containerenv", Origin.ENGINE_MOUNT, "podman-files", None, kind=Kind.FILE,
            plain=True,
        )  # fmt: skip
    own: dict[str, Any] = {
        path: {}
        for name, path in NETWORK_FILES.items()
        if builder.facts.container.inspect.get(name) and path not in users
    }
    for path in in_mount_order({**users, **own}):
        if path in users:
            builder.add_user_mounts([path], "podman-user-mount")
        else:
            builder.add_mount(
                path, Origin.ENGINE_MOUNT, "podman-files", None, kind=Kind.FILE, plain=True
            )
    if makes_dev:
        builder.add_devices()
        builder.add_terminal()
    if not builder.host_config.get("Privileged") and not builder.ids.mapped:
        # In a user namespace they are binds, with the host's links followed first.
        builder.add_configured_devices()
    builder.add_named_devices()
    builder.add_masks(*default_masks(builder.facts))


def _binds_sys(builder: PredictionBuilder) -> bool:
    host_network = builder.host_config.get("NetworkMode") == "host"
    return host_network and builder.facts.engine.rootless


def _add_writable(builder: PredictionBuilder) -> None:
    """Add the directories that stay writable in a read-only root, unless an option says no."""
    # Before 4.4 they are mounts like the user's, and inspect names them.
    if numbers(builder.facts.engine.version) < (4, 4):
        return
    inspect = builder.facts.container.inspect
    if builder.host_config.get("ReadonlyRootfs") and not has_option(inspect, KEEPS_READONLY):
        for path in WRITABLE_DIRECTORIES:
            if path not in builder.wishes:
                builder.add_mount(path, Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs")
