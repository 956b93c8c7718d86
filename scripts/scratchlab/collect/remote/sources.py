"""The sources of a container's binds and volumes, shown to the debug container.

The engine mounts each once more, in the debug container: what mountinfo says of it there, device
and root, is what the examined container's mount has to say, too. Nothing in them is opened.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

import docker.types

from scratchlab.collect.host_facts import ENGINE_FILES
from scratchlab.model import EMPTY_DIRECTORY, BindSource, Json, Mount

_PLACE = "/sources"  # in the debug container
_MOST = 100


def source_paths(inspect: Json) -> list[str]:
    """The paths, as the engine knows them, of the user's binds and volumes and of the engine's own
    files; none of which only a part is mounted: a link in it may lead anywhere.
    """
    host_config = inspect.get("HostConfig") or {}
    parts = {
        mount.get("Target")
        for mount in host_config.get("Mounts") or []
        for key in ("VolumeOptions", "ImageOptions")
        if (mount.get(key) or {}).get("Subpath")
    }
    whole: list[str] = []
    in_part: set[str] = set()
    for mount in inspect.get("Mounts") or []:
        source = str(mount.get("Source") or "")
        if mount.get("Type") in ("bind", "volume") and source.startswith("/"):
            whole.append(source)
            if mount.get("SubPath") or mount.get("Destination") in parts:
                in_part.add(source)
    whole += [str(inspect[name]) for name in ENGINE_FILES if inspect.get(name)]
    return [path for path in dict.fromkeys(whole) if path not in in_part][:_MOST]


def mounted(paths: Sequence[str]) -> list[docker.types.Mount]:
    """The mounts of the debug container for ``paths``: read-only, and nothing below them."""
    mounts = []
    for number, path in enumerate(paths):
        target = f"{_PLACE}/{number}"
        # Without a propagation: an engine refuses a private one of its own directory.
        mount = docker.types.Mount(target, path, "bind", read_only=True)
        mount["BindOptions"] = {"NonRecursive": True}
        mounts.append(mount)
    return mounts


def bind_sources(
    paths: Sequence[str], own: Sequence[Mount], mounts: Sequence[Mount]
) -> tuple[BindSource, ...]:
    """``paths`` with those of ``mounts``, the examined container's, that show the same as the
    debug container's ``own``. None of them where the engine refused to mount them there. And what
    of the host masks the same in both: its /dev/null, and the runtime's empty directory.
    """
    found = [*_bind_sources(paths, own, mounts), *_masks(own, mounts)]
    return tuple(sorted(found, key=lambda source: (source.mount, source.path)))


def _masks(own: Sequence[Mount], mounts: Sequence[Mount]) -> Iterator[BindSource]:
    """Masks that show a file or directory of the host's: the runtime masks the debug container's
    /proc and /sys with the same (crun 1.21 src/libcrun/linux.c do_masked_or_readonly_path()).
    """
    paths = {
        (mount.device, mount.root): "/dev/null" if mount.root == "/null" else mount.root
        for mount in own
        if mount.target.startswith(("/proc/", "/sys/"))
        and (mount.root == "/null" or posixpath.basename(mount.root) == EMPTY_DIRECTORY)
    }
    for mount in mounts:
        path = paths.get((mount.device, mount.root))
        if path is not None:
            yield BindSource(path, mount.device, 0, mount.id, mount.root)


def _bind_sources(
    paths: Sequence[str], own: Sequence[Mount], mounts: Sequence[Mount]
) -> Iterator[BindSource]:
    shown = {mount.target: mount for mount in own}
    for number, path in enumerate(paths):
        here = shown.get(f"{_PLACE}/{number}")
        if here is None:
            continue
        same = [m.id for m in mounts if (m.device, m.root) == (here.device, here.root)]
        for mount_id in same or [0]:
            yield BindSource(path, here.device, 0, mount_id, here.root)
