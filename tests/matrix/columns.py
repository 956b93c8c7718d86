"""The columns of the matrix: engines in various set-ups, as data."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.matrix.hosts import ContainerHost, VirtualHost

# Both engines, both runtimes, and a static busybox for the images of the variants.
_EVERYWHERE = "docker.io iptables podman crun runc catatonit busybox-static btrfs-progs"
_NEWER = f"{_EVERYWHERE} docker-cli docker-buildx netavark aardvark-dns nftables"
PACKAGES = {
    "bookworm": f"{_EVERYWHERE} containernetworking-plugins fuse-overlayfs",
    "trixie": _NEWER,
    "sid": _NEWER,
}
# Root of a system container may lack CAP_SYS_RESOURCE, which podman's default limits need.
_LIMITS = "--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"


@dataclass(frozen=True)
class Column:
    """One engine in one set-up. ``daemon`` is Docker's daemon.json, ``before`` a shell command that
    runs before the engine starts.
    """

    name: str
    suite: str
    engine: str = "docker"
    daemon: Mapping[str, object] = field(default_factory=dict)
    engine_options: str = ""
    run_options: str = ""
    host: type[ContainerHost | VirtualHost] = ContainerHost
    before: str = ":"

    def setup(self) -> str:
        """The shell command that sets the engine up on its host."""
        if self.engine == "podman":
            return "systemctl stop docker.service docker.socket; podman info >/dev/null"
        settings = shlex.quote(json.dumps(self.daemon))
        return (
            "systemctl stop docker.socket docker.service; systemctl reset-failed; "
            "mkdir -p /etc/docker; "
            f"{self.before} && "
            f"echo {settings} >/etc/docker/daemon.json && systemctl start docker.service && "
            "docker info >/dev/null"
        )


def podman(name: str, suite: str, runtime: str, more: str = "") -> Column:
    """A column of podman; ``more`` are additional options of its `run`."""
    return Column(
        name, suite, "podman", engine_options=f"--runtime {runtime} --cgroup-manager cgroupfs",
        run_options=f"{_LIMITS} {more}".strip(),
    )  # fmt: skip


_STORE = {"features": {"containerd-snapshotter": True}}
_NATIVE = {**_STORE, "storage-driver": "native"}
# A filesystem in a file of the host, whose loop device goes with the host's mounts.
_MOUNT_BTRFS = (
    "for n in 0 1 2 3 4 5 6 7; do [ -e /dev/loop$n ] || mknod /dev/loop$n b 7 $n; done; "
    "[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237; "
    "mkdir -p /srv/btrfs && { mountpoint -q /srv/btrfs || { truncate -s 3G /srv/btrfs.img && "
    "mkfs.btrfs -q -f /srv/btrfs.img && mount -o loop /srv/btrfs.img /srv/btrfs; }; }"
)
_BTRFS = {"storage-driver": "btrfs", "data-root": "/srv/btrfs"}
_FUSE = {"storage-driver": "fuse-overlayfs", "data-root": "/srv/fuse"}
_FUSE_DEVICE = "{ [ -e /dev/fuse ] || mknod /dev/fuse c 10 229; }"
_REMAP = {"userns-remap": "default"}
_CRUN = {"default-runtime": "crun", "runtimes": {"crun": {"path": "/usr/bin/crun"}}}
COLUMNS = (
    Column("docker-20.10", "bookworm"),
    Column("docker-20.10-vfs", "bookworm", daemon={"storage-driver": "vfs"}),
    Column("docker-20.10-userns", "bookworm", daemon=_REMAP),
    Column("docker-20.10-fuse", "bookworm", daemon=_FUSE, before=_FUSE_DEVICE),
    podman("podman-4.3-runc", "bookworm", "runc"),
    Column("docker-26.1", "trixie"),
    Column("docker-26.1-store", "trixie", daemon=_STORE),
    Column("docker-26.1-native", "trixie", daemon=_NATIVE),
    Column("docker-26.1-btrfs", "trixie", daemon=_BTRFS, before=_MOUNT_BTRFS),
    Column("docker-26.1-crun", "trixie", daemon=_CRUN),
    Column("docker-26.1-userns", "trixie", daemon=_REMAP),
    Column("docker-26.1-vm", "trixie", host=VirtualHost),
    podman("podman-5.4-crun", "trixie", "crun"),
    podman("podman-5.4-runc", "trixie", "runc"),
    Column("docker-28.5", "sid"),
    Column("docker-28.5-store", "sid", daemon=_STORE),
    podman("podman-5.8-crun", "sid", "crun", "--cgroups=disabled"),
)
