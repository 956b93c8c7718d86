"""What Docker and its runtime put into a container's root."""

from __future__ import annotations

from typing import Any

from scratchlab.judge.places import NETWORK_FILES, Content, has_init_layer, in_mount_order
from scratchlab.judge.prediction.predictions import PredictionBuilder
from scratchlab.judge.rules.docker import INIT_PROGRAM, INIT_VISIBLE
from scratchlab.model import Kind, Origin

_SAFE = ("nosuid", "noexec", "nodev")


def predict(builder: PredictionBuilder) -> None:
    """Add everything that Docker and its runtime put there."""
    host = builder.host_config
    privileged = bool(host.get("Privileged"))
    # A mount of the user's at the very path of a default one takes its place, and one on /dev those
    # below /dev as well (moby v20.10.24 daemon/oci_linux.go WithMounts()).
    makes_dev = "/dev" not in builder.wishes
    builder.add_root("docker-root", mode=(0o755,))
    if has_init_layer(builder.facts):
        _init_layer(builder)
    _filesystems(builder, privileged, makes_dev)
    _mounts(builder)
    if "com.docker.swarm.service.id" in (builder.config.get("Labels") or {}):
        # Its secrets and configs are the service's: inspect does not list them, config.json does
        # (moby v26.1.5 daemon/cluster/executor/container/adapter.go).
        builder.complete = False
    if host.get("Init"):
        rule = "docker-init-program"
        builder.add_mount(INIT_PROGRAM, Origin.ENGINE_MOUNT, rule, None, kind=Kind.FILE)
    if makes_dev:
        builder.add_devices()
        builder.add_terminal()
    if privileged:
        # The host's whole /dev: only config.json lists its nodes, and that is evidence.
        builder.complete = False
    else:
        builder.add_configured_devices()
    builder.add_named_devices()
    builder.add_masks(host.get("MaskedPaths") or (), host.get("ReadonlyPaths") or ())
    builder.add_working_directory("docker-workdir")


def _filesystems(builder: PredictionBuilder, privileged: bool, makes_dev: bool) -> None:
    writable = "rw" if privileged else "ro"
    if "/proc" not in builder.wishes:
        builder.add_filesystem("/proc", "proc", 0o555, _SAFE)
    if makes_dev:
        builder.add_dev()
        if "/dev/pts" not in builder.wishes:
            builder.add_filesystem("/dev/pts", "devpts", 0o755, ("nosuid", "noexec"))
            builder.add(
                "/dev/pts/ptmx", Origin.KERNEL, "devpts-node", kind=Kind.CHAR, device=(5, 2),
                uid=None, gid=None,
            )  # fmt: skip
    if "/sys" not in builder.wishes:
        # In the host's network namespace and another user namespace runc cannot mount sysfs; it
        # then binds the host's, which is a sysfs too.
        builder.add_filesystem("/sys", "sysfs", 0o555, (*_SAFE, writable))
    if "/sys/fs/cgroup" not in builder.wishes:
        builder.add_place("/sys/fs/cgroup", Content.KERNEL)
    if makes_dev:
        _ipc(builder, str(builder.host_config.get("IpcMode") or "private"))


def _ipc(builder: PredictionBuilder, mode: str) -> None:
    if "/dev/mqueue" not in builder.wishes:
        builder.add_filesystem("/dev/mqueue", "mqueue", 0o1777, () if mode == "host" else _SAFE)
    if "/dev/shm" in builder.wishes or mode == "none":  # noqa: S108 - a container's path
        return
    if mode == "private":
        builder.add_filesystem("/dev/shm", "tmpfs", 0o1777, _SAFE)  # noqa: S108
    else:
        builder.add_mount(
            "/dev/shm", Origin.ENGINE_MOUNT, "docker-shm", "tmpfs",  # noqa: S108
            kind=Kind.DIRECTORY, mode=(0o1777,), **builder.kernels_owner(),
        )  # fmt: skip


def _init_layer(builder: PredictionBuilder) -> None:
    for row in INIT_VISIBLE:
        # A directory of the image is kept; anything else is unlinked and replaced.
        in_image = builder.image.get(row.path)
        if row.kind is Kind.DIRECTORY and in_image is not None and in_image.kind is row.kind:
            continue
        uid, gid = row.owner(builder.ids, rootless=builder.facts.engine.rootless)
        builder.add_on_root(
            row.path, Origin.ENGINE_INIT_LAYER, row.rule, kind=row.kind, mode=(row.mode,),
            target=row.target, size=0 if row.kind is Kind.FILE else None, uid=uid, gid=gid,
        )  # fmt: skip


def _mounts(builder: PredictionBuilder) -> None:
    """The user's mounts and the engine's files, in the engine's order: outer ones first."""
    ro = {"ro"} if builder.host_config.get("ReadonlyRootfs") else set()
    own: dict[str, Any] = {
        path: {} for path in NETWORK_FILES.values() if path not in builder.wishes
    }
    for target in in_mount_order({**builder.wishes, **own}):
        if target in builder.wishes:
            builder.add_user_mounts([target], "docker-user-mount")
        else:
            # /etc itself is the init layer's directory, even where the image has a link there.
            # The container's root owns them: moby v20.10.24 daemon/volumes_unix.go setupMounts().
            builder.add_mount(
                target, Origin.ENGINE_MOUNT, "docker-network-files", None, ro, kind=Kind.FILE,
                mode=(0o644,), uid=builder.ids.uid(0), gid=builder.ids.gid(0), plain=True,
            )  # fmt: skip
