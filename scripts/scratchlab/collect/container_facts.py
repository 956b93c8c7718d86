"""Facts of one container that its judgement needs beside mountinfo and the engine's description.

Everything is opened by paths that the engine names, or below the container's root by descriptors
without following a link: a container cannot choose what is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from scratchlab import mountinfo
from scratchlab.collect.host_facts import ENGINE_FILES, MOST_TEXT
from scratchlab.collect.live.closed import ClosedWays, Device, closed_ways
from scratchlab.collect.live.file_status import mount_id_of
from scratchlab.devices import HostDevice
from scratchlab.model import EngineFile, Json, MaskRoot, Mount

MOST_MOUNTINFO = 64 << 20  # bytes
_MOST_LINKS = 40  # as the kernel: path_resolution(7)
_MOST_DEVICES = 10_000
_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def engine_mounts(parent: int, mounts: Sequence[Mount]) -> tuple[Mount, ...] | None:
    """Those mounts of the engine's mount namespace that show what one of ``mounts`` shows.

    ``parent`` is the PID of the parent of the container's process: the shim or conmon, which lives
    where the engine mounts; without one it is this machine's first process. None where neither
    can be read.
    """
    shown = {(mount.device, mount.root) for mount in mounts}
    for pid in (parent, 1):
        if pid < 1:
            continue
        try:
            with open(f"/proc/{pid}/mountinfo", "rb") as file:
                found = mountinfo.parse(file.read(MOST_MOUNTINFO))
        except OSError:
            continue
        return tuple(mount for mount in found if (mount.device, mount.root) in shown)
    return None


def engine_files(inspect: Json, config: Mapping[str, Any] | None = None) -> tuple[EngineFile, ...]:
    """The files that the engine wrote for the container that ``inspect`` describes: those that
    inspect names, and those of the container's own directory that ``config``, the runtime's
    config.json, binds (podman's /run/.containerenv, say).
    """
    found = []
    for name, target in ENGINE_FILES.items():
        source = inspect.get(name)
        if not isinstance(source, str) or not source.startswith("/"):
            continue
        # moby v20.10 libnetwork/sandbox_dns_unix.go: the digest of what was written lies beside
        # resolv.conf, so that a change by somebody else is seen and kept.
        recorded = _text(f"{source}.hash") if name == "ResolvConfPath" else None
        text = _text(source)
        found.append(EngineFile(target, source, text, (recorded or "").strip(), _changed(source)))
    named = {file.target for file in found}
    for mount in (config or {}).get("mounts") or []:
        source, target = str(mount.get("source")), str(mount.get("destination"))
        own = source.startswith("/") and f"/{inspect.get('Id')}/" in source
        if own and target not in named and (changed := _changed(source)) is not None:
            # Not its content: a secret may be among them.
            found.append(EngineFile(target, source, changed=changed))
    return tuple(found)


def mask_roots(
    root_fd: int,
    mounts: Sequence[Mount],
    root_mount: int,
    engine_devices: Collection[Device] | None = None,
) -> tuple[MaskRoot, ...]:
    """What the mounts of a tmpfs on /proc and /sys show, where a runtime puts its masks.

    ``root_fd`` is a descriptor of the container's root, ``mounts`` and ``root_mount`` are the
    mounts of its process and the one that its root lies on. ``engine_devices``: see
    :class:`scratchlab.collect.live.closed.ClosedMounts`.
    """
    closed = closed_ways(mounts, root_mount, engine_devices)
    found = []
    for target, mount in mountinfo.visible_mounts(mounts, root_mount).items():
        below = target.startswith(("/proc/", "/sys/")) and target not in closed
        if below and mount.fstype in ("tmpfs", "devtmpfs"):
            status = _status_below(root_fd, target, mount.id)
            if status is not None:
                number = (os.major(status.st_rdev), os.minor(status.st_rdev))
                device = number if _is_node(status) else None
                found.append(MaskRoot(mount.id, status.st_ctime_ns, device))
    return tuple(found)


def _status_below(root_fd: int, path: str, mount: int) -> os.stat_result | None:
    """The status of ``path`` without following a link; None where it does not lie on ``mount``."""
    fd = os.dup(root_fd)
    try:
        for name in path.strip("/").split("/"):
            inner = os.open(name, _STEP, dir_fd=fd)
            os.close(fd)
            fd = inner
        return os.fstat(fd) if mount_id_of(fd) == mount else None
    except OSError:
        return None
    finally:
        os.close(fd)


def host_devices(inspect: Json) -> tuple[HostDevice, ...]:
    """The nodes that HostConfig.Devices asks for; a directory stands for the nodes below it.

    As moby v20.10 daemon/oci_utils.go and v26.1 daemon/devices_linux.go expand them.
    """
    devices = (inspect.get("HostConfig") or {}).get("Devices") or []
    return expanded((str(one.get("PathOnHost")), str(one.get("PathInContainer")), "")
                    for one in devices)  # fmt: skip


def expanded(devices: Iterable[tuple[str, str, str]]) -> tuple[HostDevice, ...]:
    """The nodes of ``devices``: each a path of the host, one of the container, and the file that
    asks for it.
    """
    found: list[HostDevice] = []
    for host, inside, file in devices:
        if host.startswith("/") and inside.startswith("/"):
            found += (replace(node, file=file) for node in _nodes(host, inside))
    return tuple(found[:_MOST_DEVICES])


def destinations(inspect: Json, config: Mapping[str, Any] | None) -> Iterator[str]:
    """Every path at which engine and runtime put something by a name that may lead through links:
    mounts, devices and the working directory.
    """
    host_config = inspect.get("HostConfig") or {}
    linux = (config or {}).get("linux") or {}
    named = [
        *(mount.get("Destination") for mount in inspect.get("Mounts") or ()),
        *(mount.get("Target") for mount in host_config.get("Mounts") or ()),
        *(host_config.get("Tmpfs") or ()),
        *(device.get("PathInContainer") for device in host_config.get("Devices") or ()),
        (inspect.get("Config") or {}).get("WorkingDir"),
        *(mount.get("destination") for mount in (config or {}).get("mounts") or ()),
        *(device.get("path") for device in linux.get("devices") or ()),
    ]
    yield from map(str, filter(None, named))


def links_on_mounts(
    root_fd: int,
    root_mount: int,
    paths: Iterable[str],
    mounts: Sequence[Mount],
    engine_devices: Collection[Device] | None = None,
    *,
    number: int | None = None,
) -> dict[str, str]:
    """The symlinks on the way to ``paths`` that lie on another mount than the root's.

    ``root_fd`` is a descriptor of the container's root, ``root_mount`` the id of its mount, and
    ``mounts`` are those of its process: nothing on a closed one is asked. ``number`` is that of the
    first process in its PID namespace, where it mounted what was asked for before it became the
    container's program: /proc/self led there.
    """
    links: dict[str, str] = {}
    closed = closed_ways(mounts, root_mount, engine_devices)
    step = partial(_step, root_fd, "" if number is None else str(number))
    for path in dict.fromkeys(paths):
        if path.startswith("/"):
            _follow(step, root_mount, path, links, closed)
    return links


# Target of a link (None for anything else) and mount id of what the names lead to; None: nothing.
_Step = Callable[[Sequence[str]], tuple[str | None, int] | None]


def _follow(
    step: _Step, root_mount: int, path: str, links: dict[str, str], closed: ClosedWays
) -> None:
    parts = [part for part in path.split("/") if part][::-1]
    resolved: list[str] = []
    left = _MOST_LINKS
    while parts:
        part = parts.pop()
        if part in (".", ".."):
            resolved = resolved[:-1] if part == ".." else resolved
            continue
        if "/" + "/".join([*resolved, part]) in closed:
            return
        found = step([*resolved, part])
        if found is None:
            return
        target, mount = found
        if target is None:
            resolved.append(part)
            continue
        left -= 1
        if left < 0:
            return
        if mount != root_mount:
            links["/" + "/".join([*resolved, part])] = target
        if target.startswith("/"):
            resolved = []
        parts += [part for part in target.split("/") if part][::-1]


def _step(root_fd: int, own: str, names: Sequence[str]) -> tuple[str | None, int] | None:
    """See _Step. ``own`` is the target of /proc/self, which leads every reader elsewhere; empty: as
    it leads this one.
    """
    fd = os.dup(root_fd)
    try:
        for name in names[:-1]:
            inner = os.open(name, _STEP | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        entry = os.open(names[-1], _STEP, dir_fd=fd)
        try:
            mount = mount_id_of(entry)
            if not _is_link(entry):
                return None, mount
            is_self = [*names] == ["proc", "self"]
            return (own if is_self and own else os.readlink("", dir_fd=entry)), mount
        finally:
            os.close(entry)
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)


def _is_link(fd: int) -> bool:
    return stat.S_ISLNK(os.fstat(fd).st_mode)


def _changed(path: str) -> int | None:
    """When the regular file ``path`` was last changed; None where something else is, or nothing."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_ctime_ns if stat.S_ISREG(status.st_mode) else None


def _text(path: str) -> str | None:
    """What the regular file ``path`` holds, if that is not too much to be an engine's file."""
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, _FILE)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(MOST_TEXT + 1)
    except (OSError, ValueError):
        return None
    return None if len(content) > MOST_TEXT else content.decode(errors="surrogateescape")


def _nodes(host: str, inside: str) -> Iterator[HostDevice]:
    try:
        status = os.stat(host)
    except (OSError, ValueError):
        return
    if _is_node(status):
        yield HostDevice(inside, (os.major(status.st_rdev), os.minor(status.st_rdev)))
        return
    for directory, _, names in os.walk(host):
        for name in sorted(names):
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if _is_node(status):
                target = os.path.join(inside, os.path.relpath(path, host))
                yield HostDevice(target, (os.major(status.st_rdev), os.minor(status.st_rdev)))


def _is_node(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
