"""What Docker and its runtime put into a container's root."""

from __future__ import annotations

from typing import Any

from scratchlab.judge.prediction.predictions import PredictionBuilder
from scratchlab.judge.requested_mounts import NETWORK_FILES
from scratchlab.judge.rules.docker import INIT_PROGRAM, INIT_VISIBLE
from scratchlab.judge.versions import numbers
from scratchlab.model import Kind, Origin

_SAFE = ("nosuid", "noexec", "nodev")


def predict(builder: PredictionBuilder) -> None:
    """Add everything that Docker and its runtime put there."""
    host = builder.host_config
    privileged = bool(host.get("Privileged"))
    users = builder.user_mounts
    makes_dev = "/dev" not in users
    builder.add("/", Origin.STORAGE_DRIVER, "docker-root", kind=Kind.DIRECTORY, mode=(0o755,))
    _filesystems(builder, privileged, makes_dev)
    if _has_init_layer(builder):
        _init_layer(builder)
    _network_files(builder, users)
    _user_mounts(builder, users)
    if "com.docker.swarm.service.id" in (builder.config.get("Labels") or {}):
        # Its secrets and configs are the service's: inspect does not list them, config.json does
        # (moby v26.1.5 daemon/cluster/executor/container/adapter.go).
        builder.complete = False
    if host.get("Init"):
        rule = "docker-init-program"
        builder.add_mount(INIT_PROGRAM, Origin.ENGINE_MOUNT, rule, None, kind=Kind.FILE)
    workdir = builder.config.get("WorkingDir")
    if workdir:
        builder.add_directories(builder.resolve(workdir), Origin.ENGINE_CREATE, "docker-workdir")
    if makes_dev:
        builder.add_devices()
        builder.add_terminal()
        _devices(builder, host, privileged)
    builder.add_masks(host.get("MaskedPaths") or (), host.get("ReadonlyPaths") or ())


def _has_init_layer(builder: PredictionBuilder) -> bool:
    # moby#46607: with the containerd image store 24.0 does not make one; fixed in 25.0.
    version = numbers(builder.facts.engine.version)
    return not (builder.facts.engine.containerd_store and version < (25,))


def _filesystems(builder: PredictionBuilder, privileged: bool, makes_dev: bool) -> None:
    host = builder.host_config
    writable = "rw" if privileged else "ro"
    builder.add_filesystem("/proc", "proc", 0o555, _SAFE)
    # In the host's network namespace and another user namespace runc cannot mount sysfs; it
    # then binds the host's, which is a sysfs too.
    builder.add_filesystem("/sys", "sysfs", 0o555, (*_SAFE, writable))
    if makes_dev:
        # No mode: an image's own /dev passes its mode on (runc up to 1.1.7).
        builder.add_mount(
            "/dev", Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs", ("nosuid",),
            kind=Kind.DIRECTORY,
        )  # fmt: skip
        builder.add_filesystem("/dev/pts", "devpts", 0o755, ("nosuid", "noexec"))
        builder.add(
            "/dev/pts/ptmx", Origin.KERNEL, "devpts-node", kind=Kind.CHAR, device=(5, 2),
            uid=None, gid=None,
        )  # fmt: skip
    _ipc(builder, str(host.get("IpcMode") or "private"))


def _ipc(builder: PredictionBuilder, mode: str) -> None:
    users = builder.user_mounts
    if "/dev" in users:
        return
    if "/dev/mqueue" not in users:
        builder.add_filesystem("/dev/mqueue", "mqueue", 0o1777, () if mode == "host" else _SAFE)
    if "/dev/shm" in users or mode == "none":  # noqa: S108 - a container's path
        return
    if mode == "private":
        builder.add_filesystem("/dev/shm", "tmpfs", 0o1777, _SAFE)  # noqa: S108
    else:
        builder.add_mount(
            "/dev/shm", Origin.ENGINE_MOUNT, "docker-shm", "tmpfs",  # noqa: S108
            kind=Kind.DIRECTORY, mode=(0o1777,),
        )  # fmt: skip


def _init_layer(builder: PredictionBuilder) -> None:
    for row in INIT_VISIBLE:
        # A directory of the image is kept; anything else is unlinked and replaced.
        in_image = builder.image.get(row.path)
        if row.kind is Kind.DIRECTORY and in_image is not None and in_image.kind is row.kind:
            continue
        owner: dict[str, Any] = {}
        if row.kind is Kind.SYMLINK:  # os.Symlink without chown, with userns-remap too
            owner = {"uid": 0, "gid": 0}
        builder.add(
            row.path, Origin.ENGINE_INIT_LAYER, row.rule, kind=row.kind, mode=(row.mode,),
            target=row.target, size=0 if row.kind is Kind.FILE else None, **owner,
        )  # fmt: skip


def _network_files(builder: PredictionBuilder, users: dict[str, Any]) -> None:
    # /etc itself is the init layer's directory, even where the image has a link there.
    ro = {"ro"} if builder.host_config.get("ReadonlyRootfs") else set()
    for path in NETWORK_FILES.values():
        if path not in users:
            builder.add_mount(
                path, Origin.ENGINE_MOUNT, "docker-network-files", None, ro,
                kind=Kind.FILE, mode=(0o644,),
            )  # fmt: skip


def _user_mounts(builder: PredictionBuilder, users: dict[str, Any]) -> None:
    for path, mount in sorted(users.items()):
        options = {"ro"} if mount.get("RW") is False else set()
        fstype = "tmpfs" if mount.get("Type") == "tmpfs" else None
        builder.add_mount(path, Origin.USER_MOUNT, "docker-user-mount", fstype, options)


def _devices(builder: PredictionBuilder, host: Any, privileged: bool) -> None:
    if privileged:
        # The host's whole /dev: only config.json lists its nodes, and that is evidence.
        builder.complete = False
        return
    for device in host.get("Devices") or []:
        path = builder.resolve(device["PathInContainer"])
        builder.add(path, Origin.RUNTIME_DEVICE, "configured-device", uid=None, gid=None)
