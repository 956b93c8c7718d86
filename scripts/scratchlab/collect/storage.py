"""Where the storage driver keeps the parts of a container's root.

Only the engine is believed: its description of the container (inspect), its own files, and the
mounts of its own mount namespace. The options of a mount in the container's namespace are text that
a process of the container may have written, and name directories of this machine.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from scratchlab import mountinfo
from scratchlab.model import Engine, Layers, Mount
from scratchlab.procfs import parse_stat

_LOWERDIR_PART = re.compile(r"(?:\\.|[^\\:])*", re.DOTALL)
# containerd's own state directory, and that of the containerd that dockerd starts
# (moby v20.10.24 libcontainerd/supervisor/remote_daemon.go): where a shim mounts a root.
_STATES = ("/run/containerd", "/run/docker/containerd", "/var/run/docker/containerd")
_SNAPSHOTTER = "/io.containerd.snapshotter.v1."  # below containerd's directory (plugins/types.go)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class OverlayDirectories(NamedTuple):
    """An overlay mount's directories, the topmost lower one first; no ``upper`` if read-only."""

    lower: tuple[str, ...]
    upper: str | None


def read_engine_mounts(parent: int) -> tuple[Mount, ...] | None:
    """The mounts of the engine's mount namespace; None where they cannot be read.

    ``parent`` is the PID of the parent of the container's process, the shim or conmon, which lives
    where the engine mounts; without one (0) it is this machine's first process.
    """
    for pid in (parent, 1):
        if pid > 0:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/mountinfo", "rb") as lines:
                return mountinfo.parse(lines.read())
    return None


def _parent_pid(inspect: Mapping[str, Any]) -> int:
    """The PID of the parent of the container's process, 0 where it is not known."""
    pid = int((inspect.get("State") or {}).get("Pid") or 0)
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return parse_stat(stat.read()).parent
    except (OSError, ValueError):
        return 0


def engine_devices(
    engine_mounts: Sequence[Mount] | None, root_dir: str
) -> frozenset[tuple[int, int]] | None:
    """The devices of what the engine mounted, and of the filesystem that its own root is on.

    ``engine_mounts`` are those of its mount namespace (None, where they cannot be read, gives
    None), ``root_dir`` is the directory that it keeps everything in. A mount that a container makes
    may come into that namespace by propagation, but not below the engine's own directories.
    """
    if engine_mounts is None:
        return None
    ids = {mount.id for mount in engine_mounts if mount.parent != mount.id}
    return frozenset(
        mount.device
        for mount in engine_mounts
        if _is_engines(mount, root_dir) or (mount.target == "/" and mount.parent not in ids)
    )


def _is_engines(mount: Mount, root_dir: str) -> bool:
    directories = (*filter(None, {root_dir, os.path.realpath(root_dir)}), *_STATES)
    return any(mount.target == path or mount.target.startswith(f"{path}/") for path in directories)


def find_layers(
    inspect: Mapping[str, Any],
    engine: Engine,
    diff_ids: Sequence[str],
    mounts: Sequence[Mount],
    root_mount: int,
    *,
    engine_mounts: Sequence[Mount] | None = None,
) -> tuple[Layers, str | None]:
    """The layers of the container that ``inspect`` describes, and the problem with them (or None).

    ``diff_ids`` are those of its image; ``mounts`` and ``root_mount`` those of its process;
    ``engine_mounts`` those of the engine's mount namespace (None: they are read here). The
    directories are absolute paths without symlinks and lie in the engine's own directory. Where the
    engine's description and its mount disagree, the mount is right.
    """
    graph = inspect.get("GraphDriver") or {}
    driver = graph.get("Name") or engine.storage_driver
    data = graph.get("Data") or {}
    root = mountinfo.visible_mounts(mounts, root_mount).get("/")
    if driver == "vfs":
        try:
            if engine.name == "podman":
                return podman_vfs_layers(engine.root_dir, inspect["Id"]), None
            return docker_vfs_layers(engine.root_dir, inspect["Id"], diff_ids), None
        except (OSError, ValueError, TypeError, KeyError) as error:
            return Layers(driver=driver), f"the vfs driver's layers cannot be read: {error}"
    if data.get("UpperDir") or (root is not None and root.fstype == "overlay"):
        if engine_mounts is None and root is not None:
            engine_mounts = read_engine_mounts(_parent_pid(inspect))
        mounted = _engines_mount(root, engine_mounts or (), engine.root_dir)
        return _overlay_layers(driver, data, engine, len(diff_ids), mounted)
    return Layers(driver=driver), f"the lab does not know the layers of storage driver {driver}"


# Overlay drivers: the directories are those of the mount that the engine made, or of inspect.


def _engines_mount(
    root: Mount | None, engine_mounts: Iterable[Mount], root_dir: str
) -> Mount | None:
    """The engine's own mount of the overlay that is the container's root."""
    if root is None or root.fstype != "overlay":
        return None
    shown = (mount for mount in engine_mounts if mount.device == root.device)
    return next((mount for mount in shown if _is_engines(mount, root_dir)), None)


def _overlay_layers(
    driver: str, data: Mapping[str, Any], engine: Engine, image_layers: int, mounted: Mount | None
) -> tuple[Layers, str | None]:
    described = OverlayDirectories(
        tuple(filter(None, str(data.get("LowerDir") or "").split(":"))), data.get("UpperDir")
    )
    named = described if mounted is None else overlay_directories(mounted.super_options)
    known = described.upper or named.upper
    if known is None:
        why = "the engine's mount namespace does not have the container's root"
        return Layers(driver), f"{why}: its layers are not known"
    # .../overlay2/ID/diff, .../snapshots/ID/fs: short and relative names start two levels up.
    start = os.path.dirname(os.path.dirname(known)) if known.startswith("/") else None
    lower, upper = resolve_directories(named, start)
    # Only the mount names containerd's own directory.
    store = known.partition(_SNAPSHOTTER)[0] if _SNAPSHOTTER in known else engine.root_dir
    store = os.path.realpath(store)
    for path in (*lower, *filter(None, [upper])):
        if not path.startswith(store.rstrip("/") + "/"):
            return Layers(driver), f"a layer is not in the engine's directory {store}: {path}"
    problem = None
    if described.upper and os.path.realpath(described.upper) != upper:
        problem = f"the writable layer is {described.upper} for the engine, {upper} in its mount"
    init = lower[0] if lower and _is_init(lower[0], engine, len(lower), image_layers) else None
    return Layers(driver, lower[1:] if init else lower, init, upper), problem


def overlay_directories(super_options: Iterable[str]) -> OverlayDirectories:
    r"""The directories in an overlay mount's options (as mountinfo has them, unescaped).

    ``lowerdir=a:b`` separates directories by colons and escapes those in names as ``\:``;
    ``lowerdir+=a`` (Linux 6.5) is repeated, one directory each, without escapes. Data-only layers
    are left out: they are not part of the tree.
    """
    lower: list[str] = []
    upper = None
    for option in super_options:
        key, _, value = option.partition("=")
        if key == "lowerdir":
            # An empty part is the "::" before directories that hold data only.
            parts = itertools.takewhile(bool, _split_lowerdir(value))
            lower += [_ESCAPED.sub(r"\1", part) for part in parts]
        elif key == "lowerdir+":
            lower.append(value)
        elif key == "upperdir":
            upper = _ESCAPED.sub(r"\1", value)
    return OverlayDirectories(tuple(lower), upper)


def _split_lowerdir(value: str) -> list[str]:
    r"""Split a ``lowerdir`` at its colons, not at escaped ones (``\:``)."""
    parts = []
    at = 0
    while at <= len(value):
        part = _LOWERDIR_PART.match(value, at)
        end = part.end() if part else at
        parts.append(value[at:end])
        at = end + 1
    return parts


def resolve_directories(directories: OverlayDirectories, base: str | None) -> OverlayDirectories:
    """Follow the engine's short links (``l/XYZ``) and relative names to the real directories.

    ``base`` is the engine's working directory when it mounted relative names (moby
    daemon/graphdriver/overlay2/mount.go mountFrom(); containerd mount/mount_linux.go).
    """

    def real(path: str) -> str:
        return os.path.realpath(os.path.join(base or "/", path))

    upper = directories.upper
    return OverlayDirectories(
        tuple(map(real, directories.lower)), real(upper) if upper is not None else None
    )


def _is_init(directory: str, engine: Engine, lower: int, image_layers: int) -> bool:
    """Whether the topmost lower directory is the engine's init layer, not one of the image's."""
    if engine.name != "docker":
        return False
    if engine.containerd_store:
        # Snapshots have numbers, not names: one more than the image has layers is the init
        # snapshot (moby v25 daemon/containerd/image_snapshot.go prepareInitLayer()).
        return lower == image_layers + 1
    # moby v20.10.24 layer/layer_store.go initMount(): "<id>-init".
    return os.path.basename(os.path.dirname(directory)).endswith("-init")


# vfs: the directories are in files of the engine.


def docker_vfs_layers(root_dir: str, container: str, diff_ids: Iterable[str]) -> Layers:
    """The layers in Docker's data directory ``root_dir``.

    Sources: moby v20.10.24 layer/filestore.go, daemon/graphdriver/vfs/driver.go. Raises OSError or
    ValueError where the engine's files cannot be read.
    """
    root_dir = os.path.realpath(root_dir)
    layerdb = os.path.join(root_dir, "image/vfs/layerdb")
    mounted = os.path.join(layerdb, "mounts", container)
    directory = os.path.join(root_dir, "vfs/dir")
    lower: list[str] = []
    for chain_id in chain_ids(diff_ids):
        cache_id = _read_name(os.path.join(layerdb, chain_id.replace(":", "/"), "cache-id"))
        lower.append(os.path.join(directory, cache_id))
    return Layers(
        driver="vfs",
        lower=tuple(reversed(lower)),
        init=os.path.join(directory, _read_name(os.path.join(mounted, "init-id"))),
        upper=os.path.join(directory, _read_name(os.path.join(mounted, "mount-id"))),
    )


def podman_vfs_layers(root_dir: str, container: str) -> Layers:
    """The layers in podman's storage directory ``root_dir``.

    Sources: containers/storage v1.43 containers.go, layers.go, drivers/vfs. Raises OSError,
    ValueError, TypeError or KeyError where the engine's files cannot be read.
    """
    root_dir = os.path.realpath(root_dir)
    containers = _read_list(os.path.join(root_dir, "vfs-containers/containers.json"))
    listed = _read_list(os.path.join(root_dir, "vfs-layers/layers.json"))
    layers = {layer["id"]: layer for layer in listed}
    top = next((item["layer"] for item in containers if item["id"] == container), None)
    if top is None:
        raise ValueError(f"{root_dir} does not list the container {container}")
    directory = os.path.join(root_dir, "vfs/dir")
    lower: list[str] = []
    parent = layers.get(top, {}).get("parent")
    while parent and len(lower) < len(layers):
        lower.append(os.path.join(directory, _name(parent, "layers.json")))
        parent = layers[parent].get("parent")
    return Layers(
        driver="vfs",
        lower=tuple(lower),
        upper=os.path.join(directory, _name(top, "containers.json")),
    )


def chain_ids(diff_ids: Iterable[str]) -> list[str]:
    """The chain ids of layers (OCI image-spec v1.1 config.md, "Layer ChainID"), lowest first."""

    def chain(below: str, diff_id: str) -> str:
        return f"sha256:{sha256(f'{below} {diff_id}'.encode()).hexdigest()}"

    return list(itertools.accumulate(diff_ids, chain))


def _read_name(path: str) -> str:
    with open(path, encoding="utf-8") as text:
        return _name(text.read().strip(), path)


def _name(name: str, path: str) -> str:
    """``name``, which the file ``path`` holds, if it is a name and not a path."""
    if not name or os.path.basename(name) != name or name in {".", ".."}:
        raise ValueError(f"{path} does not hold the name of a layer")
    return name


def _read_list(path: str) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as text:
        data = json.load(text)
    if not isinstance(data, list):
        raise TypeError(f"{path} does not hold a JSON list")
    return data
