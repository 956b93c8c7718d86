"""The runtime's config.json of a container: where it lies, and what it says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from scratchlab import mountinfo
from scratchlab.model import BindSource, Engine, Json, Mount

_LIMIT = 64 << 20  # bytes; a real one has some ten thousand
_TASKS = "io.containerd.runtime.v2.task"
# containerd's own state directory, and that of the containerd that dockerd starts
# (moby v20.10.24 libcontainerd/supervisor/remote_daemon.go).
_STATES = ("/run/containerd", "/var/run/docker/containerd/daemon")


class OciConfig(NamedTuple):
    """A config.json. ``data`` is None when it could not be read; ``problem`` says why."""

    data: Json | None
    path: str
    problem: str | None


def find_config(inspect: Json, engine: Engine, info: Json, parent: int) -> OciConfig:
    """Find and read the config.json of the container that ``inspect`` describes.

    ``parent`` is the PID of its process's parent: the container's shim, whose working directory is
    the bundle (containerd v1.6.20 runtime/v2/binary.go Start()), whatever the directory's name.
    """
    problem = "no config.json of the runtime was found"
    for path in _candidates(inspect, engine, info, parent):
        try:
            data = _read(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            problem = f"the runtime's config.json {path} cannot be read: {error}"
            continue
        return OciConfig(data, _plain(path), None)
    return OciConfig(None, "", problem)


def _candidates(inspect: Json, engine: Engine, info: Json, parent: int) -> Iterator[str]:
    if inspect.get("OCIConfigPath"):  # podman
        yield inspect["OCIConfigPath"]
    container = inspect["Id"]
    bundle = f"/proc/{parent}/cwd"
    if parent > 1 and _target(bundle).endswith(f"/{container}"):
        yield f"{bundle}/config.json"
    # moby v27 and later tell the address: <state>/containerd.sock.
    address = (info.get("Containerd") or {}).get("Address", "")
    states = [os.path.dirname(address)] if address else []
    if engine.name == "docker":
        for state in (*states, *_STATES):
            yield f"{state}/{_TASKS}/moby/{container}/config.json"


def _read(path: str) -> Json:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as stream:
        data = json.loads(stream.read(_LIMIT))
    if not isinstance(data, dict) or "ociVersion" not in data:
        raise ValueError("it is not an OCI runtime configuration")
    return data


def _plain(path: str) -> str:
    """The path a person can open, for one that goes through ``/proc/PID/cwd``."""
    return os.path.join(_target(os.path.dirname(path)) or os.path.dirname(path), "config.json")


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


# The host's files behind a container's bind mounts, proved by device and inode.


_DIRECTORY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY


def find_sources(
    root_fd: int, mounts: Sequence[Mount], root_mount: int, source_candidates: Iterator[str]
) -> tuple[BindSource, ...]:
    """The candidates that stand behind a mount.

    Takes the container's root (a descriptor), its mounts, and paths of this machine.
    """
    behind: dict[tuple[int, int], list[int]] = {}
    for target, mount in mountinfo.visible(mounts, root_mount).items():
        found = _stat_below(root_fd, target)
        if found is not None:
            behind.setdefault((found.st_dev, found.st_ino), []).append(mount.id)
    sources = []
    for path in dict.fromkeys(source_candidates):
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            continue
        device = (os.major(found.st_dev), os.minor(found.st_dev))
        sources += [
            BindSource(path, device, found.st_ino, mount)
            for mount in behind.get((found.st_dev, found.st_ino), [])
        ]
    return tuple(sorted(sources, key=lambda source: (source.mount, source.path)))


def source_candidates(
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
        directory = os.path.join(engine.root_dir, "containers", inspect["Id"], "mounts")
        yield os.path.join(directory, "shm")
        yield os.path.join(directory, "secrets")
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
    *directories, name = path.strip("/").split("/")
    fd = os.dup(root_fd)
    try:
        for directory in directories:
            inner = os.open(directory, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        if not name:
            return os.fstat(fd)
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return None
    finally:
        os.close(fd)
