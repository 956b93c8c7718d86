"""The host's files behind a container's bind mounts, proved by device and inode.

The root field of mountinfo is relative to the source's file system and may be any path (a nested
engine, a partition of its own, a subvolume): only stat(2) on both sides proves what is behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scratchlab.collect import mountinfo
from scratchlab.model import Engine, Mount, Source

_DIRECTORY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY


def find(
    root_fd: int, mounts: Sequence[Mount], root_mount: int, candidates: Iterator[str]
) -> tuple[Source, ...]:
    """The candidates that stand behind a mount.

    Takes the container's root (a descriptor), its mounts, and paths of this machine.
    """
    behind: dict[tuple[int, int], list[int]] = {}
    for target, mount in mountinfo.visible(mounts, root_mount).items():
        found = _stat_below(root_fd, target)
        if found is not None:
            behind.setdefault((found.st_dev, found.st_ino), []).append(mount.id)
    sources = []
    for path in dict.fromkeys(candidates):
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            continue
        device = (os.major(found.st_dev), os.minor(found.st_dev))
        sources += [
            Source(path, device, found.st_ino, mount)
            for mount in behind.get((found.st_dev, found.st_ino), [])
        ]
    return tuple(sorted(sources, key=lambda source: (source.mount, source.path)))


def candidates(
    inspect: Mapping[str, Any], config: Mapping[str, Any] | None, engine: Engine
) -> Iterator[str]:
    """The paths of this machine that the engine or the runtime's configuration name as sources."""
    for name in ("HostsPath", "HostnamePath", "ResolvConfPath"):
        if inspect.get(name):
            yield inspect[name]
    for mount in inspect.get("Mounts") or []:
        if str(mount.get("Source", "")).startswith("/"):
            yield mount["Source"]
    if engine.name == "docker":
        # moby v20.10.24 container/container_unix.go ShmResourcePath(), SecretMountPath().
        folder = os.path.join(engine.root_dir, "containers", inspect["Id"], "mounts")
        yield os.path.join(folder, "shm")
        yield os.path.join(folder, "secrets")
    for mount in (config or {}).get("mounts") or []:
        options = mount.get("options") or []
        bound = mount.get("type") == "bind" or "bind" in options or "rbind" in options
        if bound and str(mount.get("source", "")).startswith("/"):
            yield mount["source"]
    # In a user namespace a runtime binds the host's nodes instead of making its own
    # (runc v1.1.5 libcontainer/rootfs_linux.go bindMountDeviceNode()).
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        yield f"/dev/{name}"
    for device in ((config or {}).get("linux") or {}).get("devices") or []:
        yield device["path"]


def _stat_below(root_fd: int, path: str) -> os.stat_result | None:
    """stat(2) of ``path`` below ``root_fd``, without ever following a link of the container."""
    *folders, name = path.strip("/").split("/")
    fd = os.dup(root_fd)
    try:
        for folder in folders:
            inner = os.open(folder, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        if not name:
            return os.fstat(fd)
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return None
    finally:
        os.close(fd)
