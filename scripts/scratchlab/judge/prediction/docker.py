"""What Docker promises of a container's root."""

from __future__ import annotations

from typing import Any

from scratchlab.judge.prediction.plan import Plan
from scratchlab.judge.requested_mounts import NETWORK_FILES
from scratchlab.judge.rules.docker import INIT_PROGRAM, INIT_VISIBLE
from scratchlab.judge.versions import numbers
from scratchlab.model import Kind, Origin

_SAFE = ("nosuid", "noexec", "nodev")


def plan(draft: Plan) -> None:
    """Add all that Docker and its runtime will put there."""
    host = draft.host_config
    privileged = bool(host.get("Privileged"))
    users = draft.user_mounts
    own_dev = "/dev" not in users
    draft.add(
        "/", Origin.STORAGE_DRIVER, "docker-root", kind=Kind.DIRECTORY, mode=(0o755,)
    )  # fmt: skip
    _filesystems(draft, privileged, own_dev)
    if _has_init_layer(draft):
        _init_layer(draft)
    _network_files(draft, users)
    _users(draft, users)
    if "com.docker.swarm.service.id" in (draft.config.get("Labels") or {}):
        # Its secrets and configs are the service's: inspect tells none of them, config.json does
        # (moby v26.1.5 daemon/cluster/executor/container/adapter.go).
        draft.complete = False
    if host.get("Init"):
        draft.mount(INIT_PROGRAM, Origin.ENGINE_MOUNT, "docker-init-program", None, kind=Kind.FILE)
    workdir = draft.config.get("WorkingDir")
    if workdir:
        draft.made(draft.resolve(workdir), Origin.ENGINE_CREATE, "docker-workdir")
    if own_dev:
        draft.devices()
        draft.terminal()
        _devices(draft, host, privileged)
    draft.masks(host.get("MaskedPaths") or (), host.get("ReadonlyPaths") or ())


def _has_init_layer(draft: Plan) -> bool:
    # moby#46607: 24.0 with the containerd image store made none; fixed in 25.0.
    version = numbers(draft.facts.engine.version)
    return not (draft.facts.engine.containerd_store and version < (25,))


def _filesystems(draft: Plan, privileged: bool, own_dev: bool) -> None:
    host = draft.host_config
    writable = "rw" if privileged else "ro"
    draft.filesystem("/proc", "proc", 0o555, _SAFE)
    # In the host's network namespace runc cannot mount sysfs again where the user namespace is
    # another; it then binds the host's. The type is sysfs all the same.
    draft.filesystem("/sys", "sysfs", 0o555, (*_SAFE, writable))
    if own_dev:
        # No mode: an image's own /dev passes its mode on (runc up to 1.1.7).
        draft.mount(
            "/dev", Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs", ("nosuid",),
            kind=Kind.DIRECTORY,
        )  # fmt: skip
        draft.filesystem("/dev/pts", "devpts", 0o755, ("nosuid", "noexec"))
        draft.add(
            "/dev/pts/ptmx", Origin.KERNEL, "devpts-node", kind=Kind.CHAR, device=(5, 2),
            uid=None, gid=None,
        )  # fmt: skip
    _ipc(draft, str(host.get("IpcMode") or "private"))


def _ipc(draft: Plan, mode: str) -> None:
    users = draft.user_mounts
    if "/dev" in users:
        return
    if "/dev/mqueue" not in users:
        draft.filesystem("/dev/mqueue", "mqueue", 0o1777, () if mode == "host" else _SAFE)
    if "/dev/shm" in users or mode == "none":  # noqa: S108 - a container's path
        return
    if mode == "private":
        draft.filesystem("/dev/shm", "tmpfs", 0o1777, _SAFE)  # noqa: S108
    else:
        draft.mount(
            "/dev/shm", Origin.ENGINE_MOUNT, "docker-shm", "tmpfs",  # noqa: S108
            kind=Kind.DIRECTORY, mode=(0o1777,),
        )  # fmt: skip


def _init_layer(draft: Plan) -> None:
    for row in INIT_VISIBLE:
        # What the image has as a directory is kept; anything else is unlinked and made again.
        in_image = draft.image.get(row.path)
        if row.kind is Kind.DIRECTORY and in_image is not None and in_image.kind is row.kind:
            continue
        owner: dict[str, Any] = {}
        if row.kind is Kind.SYMLINK:  # made by os.Symlink and never chowned, even under userns
            owner = {"uid": 0, "gid": 0}
        draft.add(
            row.path, Origin.ENGINE_INIT_LAYER, row.rule, kind=row.kind, mode=(row.mode,),
            target=row.target, size=0 if row.kind is Kind.FILE else None, **owner,
        )  # fmt: skip


def _network_files(draft: Plan, users: dict[str, Any]) -> None:
    # /etc itself is the init layer's directory, whatever the image had there.
    ro = {"ro"} if draft.host_config.get("ReadonlyRootfs") else set()
    for path in NETWORK_FILES.values():
        if path not in users:
            draft.mount(
                path, Origin.ENGINE_MOUNT, "docker-network-files", None, ro,
                kind=Kind.FILE, mode=(0o644,),
            )  # fmt: skip


def _users(draft: Plan, users: dict[str, Any]) -> None:
    for path, mount in sorted(users.items()):
        options = {"ro"} if mount.get("RW") is False else set()
        fstype = "tmpfs" if mount.get("Type") == "tmpfs" else None
        draft.mount(path, Origin.USER_MOUNT, "docker-user-mount", fstype, options)


def _devices(draft: Plan, host: Any, privileged: bool) -> None:
    if privileged:
        # The host's whole /dev: its nodes are evidence (config.json), not a promise.
        draft.complete = False
        return
    for device in host.get("Devices") or []:
        path = draft.resolve(device["PathInContainer"])
        draft.add(path, Origin.RUNTIME_DEVICE, "configured-device", uid=None, gid=None)
