"""What Docker itself puts there: the init layer, mounts, directories made at create time.

Read in moby v19.03 to v29.0 and measured on 20.10.24 and 26.1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.idmap import IdMap
from scratchlab.judge.rules.rule import Citation, Rule
from scratchlab.model import Kind, Origin

KNOWN = ((19, 3), (30,))  # versions that these tables were read in: from, below

_INIT = Citation("moby/moby", "daemon/initlayer/setup_unix.go", "Setup")


def _container(file: str, symbol: str) -> Citation:
    """A file of moby's package container, which v29 moved below daemon."""
    return Citation(
        "moby/moby", f"container/{file}", symbol, (((29,), f"daemon/container/{file}"),)
    )


_NETWORK = _container("container_unix.go", "NetworkMounts")
_LINUX = Citation("moby/moby", "daemon/oci_linux.go")

RULES = (
    Rule(
        "docker-dockerenv",
        "Docker marks every root with an empty /.dockerenv in its init layer",
        Origin.ENGINE_INIT_LAYER, "create", _INIT,
        removed_by="nothing: every container of Docker has it (podman does not make it)",
    ),
    Rule(
        "docker-init-folder",
        "Docker's init layer makes the directories that its mounts need",
        Origin.ENGINE_INIT_LAYER, "create", _INIT,
        removed_by="nothing, but a directory of the image with that name is kept",
    ),
    Rule(
        "docker-mtab",
        "Docker's init layer links /etc/mtab to /proc/mounts, over whatever the image has there",
        Origin.ENGINE_INIT_LAYER, "create", _INIT,
        removed_by="nothing: an image's own /etc/mtab is removed for it (moby#42706)",
    ),
    Rule(
        "docker-network-files",
        "Docker writes /etc/hostname, hosts and resolv.conf and binds them over the image's",
        Origin.ENGINE_MOUNT, "start", _NETWORK,
        removed_by="a mount of your own: -v FILE:/etc/hosts:ro",
    ),
    Rule(
        "docker-shm",
        "Docker binds /dev/shm from the container's directory (--ipc shareable) or from the host",
        Origin.ENGINE_MOUNT, "start",
        _container("container_unix.go", "IpcMounts"),
        removed_by="--ipc private, or --ipc none for no /dev/shm at all",
    ),
    Rule(
        "docker-init-program",
        "docker run --init binds the host's docker-init over /sbin/docker-init",
        Origin.ENGINE_MOUNT, "start", _LINUX,
        removed_by="run without --init",
    ),
    Rule(
        "docker-secrets",
        "Swarm mounts a service's secrets below /run/secrets, and its configs where asked",
        Origin.ENGINE_MOUNT, "start",
        _container("container_unix.go", "SecretMounts"),
        removed_by="the service without --secret and --config",
    ),
    Rule(
        "docker-workdir",
        "Docker makes the working directory at create time where the image lacks it",
        Origin.ENGINE_CREATE, "create",
        _container("container.go", "SetupWorkingDirectory"),
        removed_by="no WORKDIR in the image and no -w",
    ),
    Rule(
        "docker-user-mount",
        "a mount that the user or the image's VOLUME asked for",
        Origin.USER_MOUNT, "start", Citation("moby/moby", "daemon/volumes_unix.go", "setupMounts"),
        removed_by="run without that -v, --mount or --tmpfs; VOLUME only by another image",
    ),
    Rule(
        "docker-volume-copy",
        "Docker copies what the image has at this path into a new, empty volume",
        Origin.VOLUME_COPY, "create",
        Citation("moby/moby", "daemon/create_unix.go", "populateVolumes"),
        removed_by="-v NAME:PATH:nocopy, or a volume that is not empty",
    ),
    Rule(
        "docker-root",
        "the storage driver makes the root directory of the container, 0755",
        Origin.STORAGE_DRIVER, "create",
        Citation("moby/moby", "daemon/graphdriver/overlay2/overlay.go", "create"),
        removed_by="nothing",
    ),
    Rule(
        "docker-root-vfs",
        "the storage driver copies the image for the container, its root directory with it, 0755",
        Origin.STORAGE_DRIVER, "create",
        Citation("moby/moby", "daemon/graphdriver/vfs/driver.go", "create"),
        removed_by="nothing",
    ),
    Rule(
        "docker-root-snapshot",
        "containerd's snapshotter makes the root directory of the container, 0755",
        Origin.STORAGE_DRIVER, "create",
        Citation(
            "containerd/containerd", "snapshots/overlay/overlay.go", "prepareDirectory",
            (((2,), "plugins/snapshots/overlay/overlay.go"),),
        ),
        removed_by="nothing",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InitEntry:
    """One entry of the init layer; ``target`` is that of a symlink."""

    path: str
    kind: Kind
    mode: int
    rule: str
    target: str | None = None

    def owner(self, ids: IdMap, *, rootless: bool) -> tuple[int, int]:
        """Owner and group: the container's root; of a link, which os.Symlink() makes without
        chown, the engine's own owner, with userns-remap too.
        """
        if self.kind is Kind.SYMLINK and not rootless:
            return 0, 0
        return ids.uid(0), ids.gid(0)


# The entries that the running container shows; mounts cover the others.
INIT_VISIBLE = (
    InitEntry("/.dockerenv", Kind.FILE, 0o755, "docker-dockerenv"),
    InitEntry("/etc", Kind.DIRECTORY, 0o755, "docker-init-folder"),
    InitEntry("/etc/mtab", Kind.SYMLINK, 0o777, "docker-mtab", "/proc/mounts"),
)
# Path -> id of the rule.
INIT_RULES = {row.path: row.rule for row in INIT_VISIBLE}
# Every path that the init layer makes, and each one above: whatever the image has there is unlinked
# unless it is a directory. Path -> target of the symlink that stands there then, None for others.
INIT_MADE: dict[str, str | None] = {
    **dict.fromkeys(("/.dockerenv", "/dev", "/dev/console", "/dev/pts", "/dev/shm", "/etc",  # noqa: S108
                     "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/proc", "/sys")),
    "/etc/mtab": "/proc/mounts",
}  # fmt: skip
INIT_PROGRAM = "/sbin/docker-init"
# Target -> type: mounts of a container whose runtime configuration cannot be read.
# moby v20.10.24 oci/defaults.go DefaultLinuxSpec(), the same up to v29.
DEFAULT_FILESYSTEMS = {
    "/proc": "proc",
    "/dev": "tmpfs",
    "/dev/pts": "devpts",
    "/sys": "sysfs",
    "/sys/fs/cgroup": "cgroup",
    "/dev/mqueue": "mqueue",
    "/dev/shm": "tmpfs",  # noqa: S108 - a container's path
}

# Rule and path -> how to avoid it there, where the rule's own words name another path.
ADVICE = {
    ("docker-network-files", path): f"a mount of your own: -v FILE:{path}:ro"
    for path in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
}
