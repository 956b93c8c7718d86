"""The runtime's config.json of a container, and the host's files that are mounted into it."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from scratchlab import mountinfo
from scratchlab.collect.host_facts import ENGINE_FILES
from scratchlab.collect.live.closed import Device, closed_ways
from scratchlab.collect.live.limits import who_answers
from scratchlab.errors import LabError
from scratchlab.model import EMPTY_DIRECTORY, BindSource, Engine, Json, Mount
from scratchlab.podman_command import words

_MOST_BYTES = 64 << 20  # of a config.json; a real one has some ten thousand
_TASKS = "io.containerd.runtime.v2.task"
# containerd's own state directory, and that of the containerd that dockerd starts
# (moby v20.10.24 libcontainerd/supervisor/remote_daemon.go).
_STATES = ("/run/containerd", "/var/run/docker/containerd/daemon")
_MOUNT_OPTIONS = ("-v", "--volume", "--mount")
_SEPARATOR = re.compile("[:,=]")
_DIRECTORY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY


class OciConfig(NamedTuple):
    """A config.json. ``data`` is None when it could not be read; ``problem`` is the reason."""

    data: Json | None
    path: str
    problem: str | None


def find_config(inspect: Json, engine: Engine, info: Json, parent: int) -> OciConfig:
    """Find and read the config.json of the container that ``inspect`` describes.

    ``info`` is what ``docker info`` shows. ``parent`` is the PID of the parent of the container's
    process: its shim, whose working directory is the bundle, wherever that is (containerd v1.6.20
    runtime/v2/binary.go Start()).
    """
    problem = "no config.json of the runtime was found"
    for path in _config_candidates(inspect, engine, info, parent):
        try:
            data = _read_config(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            problem = f"the runtime's config.json {path} cannot be read: {error}"
            continue
        return OciConfig(data, _real_path(path), None)
    return OciConfig(None, "", problem)


def made_at(config: str) -> int | None:
    """When the runtime had made the container whose config.json is ``config``, in nanoseconds since
    1970; None if not known.

    It writes the number of the process beside it once that has all its mounts and waits for the
    start (containerd v1.6.20 pkg/process/init.go newPidFile(); runc v1.1.5 utils_linux.go run(),
    after libcontainer/standard_init_linux.go syncParentReady()).
    """
    if not config:
        return None
    try:
        return os.lstat(os.path.join(os.path.dirname(config), "init.pid")).st_mtime_ns
    except OSError:
        return None


def _config_candidates(inspect: Json, engine: Engine, info: Json, parent: int) -> Iterator[str]:
    if inspect.get("OCIConfigPath"):  # podman
        yield inspect["OCIConfigPath"]
    container = inspect["Id"]
    bundle = f"/proc/{parent}/cwd"
    if parent > 1 and _link_target(bundle).endswith(f"/{container}"):
        yield f"{bundle}/config.json"
    # `docker info` of moby v27 and later has the address: <state>/containerd.sock.
    address = (info.get("Containerd") or {}).get("Address")
    states = [os.path.dirname(address)] if address else []
    if engine.name == "docker":
        for state in (*states, *_STATES):
            yield f"{state}/{_TASKS}/moby/{container}/config.json"


def _read_config(path: str) -> Json:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as stream:
        data = json.loads(stream.read(_MOST_BYTES))
    if not isinstance(data, dict) or "ociVersion" not in data:
        raise ValueError("it is not an OCI runtime configuration")
    return data


def _real_path(path: str) -> str:
    """``path`` without ``/proc/PID/cwd``, so that it stays valid after the process ended."""
    directory = os.path.dirname(path)
    return os.path.join(_link_target(directory) or directory, "config.json")


def _link_target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


# The sources of bind mounts, proved by device and inode.


def find_sources(
    root_fd: int,
    mounts: Sequence[Mount],
    root_mount: int,
    candidates: Iterable[str],
    parent: int = 0,
    *,
    engine_devices: Collection[Device] | None = None,
) -> tuple[BindSource, ...]:
    """Those of ``candidates`` that exist, with the mounts of the container that show them.

    ``root_fd`` is a descriptor of the container's root; ``mounts`` and ``root_mount`` are those of
    its process. A path is looked up where ``parent`` lives, the PID of the shim or conmon: rootless
    engines have a mount namespace of their own, in which other filesystems may lie on the same
    paths. What does not exist there is looked up here. ``engine_devices``: see
    :class:`scratchlab.collect.live.closed.ClosedMounts`.
    """
    mounted: dict[tuple[int, int], list[int]] = {}
    closed = closed_ways(mounts, root_mount, engine_devices)
    for target, mount in mountinfo.visible_mounts(mounts, root_mount).items():
        if target in closed:
            continue
        status = _stat_below(root_fd, target)
        if status is not None:
            mounted.setdefault((status.st_dev, status.st_ino), []).append(mount.id)
    roots = _Roots()
    sources = []
    for path in dict.fromkeys(candidates):
        status = _stat_source(path, parent)
        if status is None:
            continue
        device = (os.major(status.st_dev), os.minor(status.st_dev))
        sources += [
            BindSource(path, device, status.st_ino, mount, roots(path))
            for mount in mounted.get((status.st_dev, status.st_ino), [0])
        ]
    return tuple(sorted(sources, key=lambda source: (source.mount, source.path)))


class _Roots:
    """Paths of this machine as paths within their filesystems, as mountinfo names them."""

    def __init__(self) -> None:
        self._mounts: dict[str, Mount] = {}
        with contextlib.suppress(OSError, LabError), open("/proc/self/mountinfo", "rb") as file:
            self._mounts = mountinfo.visible_mounts(mountinfo.parse(file.read(_MOST_BYTES)))

    def __call__(self, path: str) -> str:
        """``path`` with its links followed, within its filesystem; empty where it is not known."""
        real = target = os.path.realpath(path)
        if not os.path.exists(real):
            return ""
        while target not in self._mounts:
            if target == "/":
                return ""
            target = os.path.dirname(target)
        below = os.path.relpath(real, target)
        return os.path.normpath(os.path.join(self._mounts[target].root, below))


def _stat_source(path: str, parent: int) -> os.stat_result | None:
    for place in (f"/proc/{parent}/root{path}", path)[parent <= 1 :]:
        with contextlib.suppress(OSError, ValueError):
            return os.stat(place)
    return None


def source_candidates(
    inspect: Mapping[str, Any], config: Mapping[str, Any] | None, engine: Engine
) -> Iterator[str]:
    """The paths of this machine that the engine or the config.json names as sources of mounts."""
    for name in ENGINE_FILES:
        yield from _absolute(inspect.get(name))
    subpaths = subpaths_by_target(inspect)
    for mount in inspect.get("Mounts") or []:
        for source in _absolute(mount.get("Source")):
            yield source
            if subpath := subpaths.get(str(mount.get("Destination"))):
                yield os.path.normpath(os.path.join(source, subpath))
    for before, argument in pairwise(["", *words(inspect)]):
        # podman's inspect has a source as config.json has it; its command line has it as asked.
        if before in _MOUNT_OPTIONS or argument.partition("=")[0] in _MOUNT_OPTIONS:
            for part in _SEPARATOR.split(argument):
                yield from _absolute(part)
    if engine.name == "docker":
        # moby v20.10.24 container/container_unix.go ShmResourcePath(), SecretMountPath().
        directory = os.path.join(engine.root_dir, "containers", inspect["Id"], "mounts")
        yield os.path.join(directory, "shm")
        yield os.path.join(directory, "secrets")
    for mount in (config or {}).get("mounts") or []:
        if not {"bind", "rbind"}.isdisjoint((mount.get("type"), *(mount.get("options") or ()))):
            yield from _absolute(mount.get("source"))
    # In a user namespace a runtime binds the host's device nodes instead of making its own
    # (runc v1.1.5 libcontainer/rootfs_linux.go bindMountDeviceNode()).
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        yield f"/dev/{name}"
    for device in ((config or {}).get("linux") or {}).get("devices") or []:
        yield from _absolute(device.get("path"))


def empty_directories(mounts: Iterable[Mount], engine_mounts: Iterable[Mount]) -> Iterator[str]:
    """Paths, in the engine's mount namespace, of the empty directory that a runtime may have bound
    over masked directories: those of ``mounts`` that show one. crun binds that of its state
    directory (pull request 1859, August 2025; 1.28 measured), each with a tmpfs of its own before.
    """
    shown = {
        (mount.device, mount.root)
        for mount in mounts
        if mount.target.startswith(("/proc/", "/sys/"))
        and posixpath.basename(mount.root) == EMPTY_DIRECTORY
    }
    for above in engine_mounts if shown else ():
        for device, root in sorted(shown):
            below = posixpath.relpath(root, above.root)
            if device == above.device and below[:2] != ".." and not who_answers(above.fstype):
                yield posixpath.join(above.target, below)


def _absolute(path: object) -> Iterator[str]:
    """``path``, if it is an absolute one."""
    if isinstance(path, str) and path.startswith("/"):
        yield path


def subpaths_by_target(inspect: Mapping[str, Any]) -> dict[str, str]:
    """Target to the path below a volume's or image's own directory that is mounted there.

    Docker 26 and 28 (moby api/types/mount VolumeOptions.Subpath, ImageOptions.Subpath), podman 5.4.
    """
    found = {
        str(mount.get("Destination")): str(mount["SubPath"]).lstrip("/")
        for mount in inspect.get("Mounts") or []
        if mount.get("SubPath")  # podman
    }
    for mount in (inspect.get("HostConfig") or {}).get("Mounts") or []:
        for key in ("VolumeOptions", "ImageOptions"):
            subpath = (mount.get(key) or {}).get("Subpath")
            if subpath:
                found[str(mount.get("Target"))] = str(subpath)
    return found


def _stat_below(root_fd: int, path: str) -> os.stat_result | None:
    """stat(2) of ``path`` below ``root_fd``, without following any symlink of the container."""
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
