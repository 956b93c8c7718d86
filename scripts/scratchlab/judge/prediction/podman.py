"""What podman promises of a container's root."""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.judge.prediction.plan import Plan
from scratchlab.judge.requested_mounts import NETWORK_FILES
from scratchlab.judge.rules.podman import CHANGES_MASKS, KEEPS_READONLY, MASKED, READONLY
from scratchlab.judge.versions import numbers
from scratchlab.model import Kind, Origin

_SAFE = ("nosuid", "noexec", "nodev")


def plan(draft: Plan) -> None:
    """Add what podman and its runtime put there, as far as it was measured (4.3 to 5.8).

    What hangs on containers.conf, hooks, networks and secrets is left to the evidence.
    """
    draft.complete = False
    users = draft.user_mounts
    own_dev = "/dev" not in users
    draft.add("/", Origin.STORAGE_DRIVER, "podman-root", kind=Kind.DIRECTORY)
    draft.filesystem("/proc", "proc", 0o555, _SAFE)
    draft.filesystem("/sys", "sysfs", 0o555, _SAFE)
    if own_dev:
        draft.mount(
            "/dev", Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs", ("nosuid",),
            kind=Kind.DIRECTORY,
        )  # fmt: skip
        draft.filesystem("/dev/pts", "devpts", 0o755, ("nosuid", "noexec"))
        draft.filesystem("/dev/mqueue", "mqueue", 0o1777, _SAFE)
        draft.add(
            "/dev/pts/ptmx", Origin.KERNEL, "devpts-node", kind=Kind.CHAR, device=(5, 2),
            uid=None, gid=None,
        )  # fmt: skip
        draft.devices()
        draft.terminal()
    if draft.config.get("SystemdMode"):
        # podman v5.4.2 pkg/specgen/generate/oci_linux.go and libpod/container_internal_linux.go
        # setupSystemd(): what systemd wants writable.
        for path in ("/run", "/run/lock", "/tmp", "/var/log/journal"):  # noqa: S108
            draft.mount(path, Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs")
    _writable(draft)
    if "/run" not in users:
        draft.mount(
            "/run/.containerenv", Origin.ENGINE_MOUNT, "podman-files", None, kind=Kind.FILE
        )  # fmt: skip
    if draft.image.get("/etc") is None:
        draft.add("/etc", Origin.ENGINE_CREATE, "podman-etc", kind=Kind.DIRECTORY)
    if draft.image.get("/etc/mtab") is None:
        draft.add(
            "/etc/mtab", Origin.ENGINE_CREATE, "podman-etc",
            kind=Kind.SYMLINK, target="/proc/mounts",
        )  # fmt: skip
    for name, path in NETWORK_FILES.items():
        if draft.facts.container.inspect.get(name) and path not in users:
            draft.mount(path, Origin.ENGINE_MOUNT, "podman-files", None, kind=Kind.FILE)
    for path in sorted(users):
        draft.mount(path, Origin.USER_MOUNT, "podman-user-mount", None)
    _masks(draft)


def _writable(draft: Plan) -> None:
    """What podman keeps writable in a read-only root, unless told not to."""
    # podman v4.4 to v5.8 pkg/specgen/generate/storage.go addReadWriteTmpfsMounts(); before, they
    # are mounts like the user's, and inspect names them.
    known = numbers(draft.facts.engine.version) >= (4, 4)
    if draft.host_config.get("ReadonlyRootfs") and known and not _told(draft, KEEPS_READONLY):
        for path in ("/run", "/tmp", "/var/tmp"):  # noqa: S108 - a container's paths
            if draft.resolve(path) not in draft.user_mounts:
                draft.mount(
                    draft.resolve(path), Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs"
                )


def _told(draft: Plan, words: Iterable[str]) -> bool:
    """Whether one of ``words`` is in what inspect keeps of podman's options."""
    options = (*(draft.config.get("CreateCommand") or ()),
               *(draft.host_config.get("SecurityOpt") or ()))  # fmt: skip
    return any(word in option for option in options for word in words)


def _masks(draft: Plan) -> None:
    """Those of podman's lists, unless an option changes these; inspect tells neither."""
    if draft.host_config.get("Privileged") or _told(draft, CHANGES_MASKS):
        return
    version = numbers(draft.facts.engine.version)
    masked = {path for path, bounds in MASKED.items() if bounds[0] <= version < bounds[1]}
    here = draft.facts.host.existing
    draft.masks(
        [path for path in here if path in masked or path.rpartition("/")[2] in masked],
        READONLY,
    )
