"""Where the storage driver keeps the parts of a container's root."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate
from typing import Any, NamedTuple

from scratchlab import mountinfo
from scratchlab.model import Engine, Layers, Mount


def find_layers(
    inspect: Mapping[str, Any],
    engine: Engine,
    diff_ids: Sequence[str],
    mounts: Sequence[Mount],
    root_mount: int,
) -> tuple[Layers, str | None]:
    """The layers of the container that ``inspect`` describes, and what hinders to tell (or None).

    The kernel's word (the overlay mount's options) goes before the engine's (inspect).
    """
    graph = inspect.get("GraphDriver") or {}
    driver = graph.get("Name") or engine.storage_driver
    root = mountinfo.visible(mounts, root_mount).get("/")
    if root is not None and root.fstype == "overlay":
        return _overlay(driver, graph.get("Data") or {}, engine, len(diff_ids), root)
    if driver == "vfs":
        try:
            if engine.name == "podman":
                return podman_vfs_layers(engine.root_dir, inspect["Id"]), None
            return docker_vfs_layers(engine.root_dir, inspect["Id"], diff_ids), None
        except (OSError, ValueError, TypeError, KeyError) as error:
            return Layers(driver=driver), f"the vfs driver's layers cannot be told: {error}"
    return Layers(driver=driver), f"layers of the storage driver {driver} are not known to the lab"


def _overlay(
    driver: str, data: Mapping[str, Any], engine: Engine, image_layers: int, root: Mount
) -> tuple[Layers, str | None]:
    mounted = overlay_directories(root.super_options)
    told = data.get("UpperDir") or mounted.upper or ""
    # .../overlay2/ID/diff, .../snapshots/ID/fs: short and relative names start two levels up.
    base = os.path.dirname(os.path.dirname(told)) if told.startswith("/") else None
    lower, upper = resolved(mounted, base)
    problem = None
    if data.get("UpperDir") and os.path.realpath(data["UpperDir"]) != upper:
        problem = f"the engine says the writable layer is {data['UpperDir']}, the kernel {upper}"
    init = lower[0] if lower and _is_init(lower[0], engine, len(lower), image_layers) else None
    return Layers(driver, lower[1:] if init else lower, init, upper), problem


def _is_init(directory: str, engine: Engine, lower: int, image_layers: int) -> bool:
    """Whether the topmost lower directory is the engine's init layer, not one of the image's."""
    if engine.name != "docker":
        return False
    if engine.containerd_store:
        # Snapshots have numbers, no names: one more than the image has layers is the init
        # snapshot (moby v25 daemon/containerd/image_snapshot.go prepareInitLayer()).
        return lower == image_layers + 1
    # moby v20.10.24 layer/layer_store.go initMount(): "<id>-init".
    return os.path.basename(os.path.dirname(directory)).endswith("-init")


# The options of an overlay mount: which directories it joins.


_PART = re.compile(r"(?:\\.|[^\\:])*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class OverlayDirectories(NamedTuple):
    """An overlay mount's directories, the topmost lower one first; no ``upper`` if read-only."""

    lower: tuple[str, ...]
    upper: str | None


def overlay_directories(super_options: Iterable[str]) -> OverlayDirectories:
    r"""The directories that the options name (already unescaped as mountinfo writes them).

    ``lowerdir=a:b`` parts directories by colons and escapes those in names as ``\:``;
    ``lowerdir+=a``
    (Linux 6.5) repeats, one directory each, unescaped. Data-only layers are no part of the tree.
    """
    lower: list[str] = []
    upper = None
    for option in super_options:
        key, _, value = option.partition("=")
        if key == "lowerdir":
            # An empty part is the "::" before directories that hold data only.
            tree = itertools.takewhile(bool, split_lowerdir(value))
            lower += [_ESCAPED.sub(r"\1", part) for part in tree]
        elif key == "lowerdir+":
            lower.append(value)
        elif key == "upperdir":
            upper = _ESCAPED.sub(r"\1", value)
    return OverlayDirectories(tuple(lower), upper)


def split_lowerdir(value: str) -> list[str]:
    r"""Split a ``lowerdir`` at its colons, not at escaped ones (``\:``)."""
    parts = []
    at = 0
    while at <= len(value):
        part = _PART.match(value, at)
        end = part.end() if part else at
        parts.append(value[at:end])
        at = end + 1
    return parts


def resolved(found: OverlayDirectories, base: str | None) -> OverlayDirectories:
    """The same with real names: the engine's short links (``l/XYZ``) and relative ones followed.

    ``base`` is the directory that the engine was in when it mounted relative names (moby
    daemon/graphdriver/overlay2/mount.go mountFrom(); containerd mount/mount_linux.go).
    """
    return OverlayDirectories(
        tuple(_real(path, base) for path in found.lower),
        _real(found.upper, base) if found.upper is not None else None,
    )


def _real(path: str, base: str | None) -> str:
    return os.path.realpath(os.path.join(base or "/", path))


# The vfs storage driver: each layer is a whole copy, and only the engine's books tell which.


def docker_vfs_layers(root_dir: str, container: str, diff_ids: Iterable[str]) -> Layers:
    """Docker's directories: moby v20.10.24 layer/filestore.go, daemon/graphdriver/vfs/driver.go.

    Raises OSError or ValueError where the books cannot be read.
    """
    books = os.path.join(root_dir, "image/vfs/layerdb")
    mounted = os.path.join(books, "mounts", container)
    directory = os.path.join(root_dir, "vfs/dir")
    lower: list[str] = []
    for chain in chain_ids(diff_ids):
        cache_id = _line(os.path.join(books, chain.replace(":", "/"), "cache-id"))
        lower.append(os.path.join(directory, cache_id))
    return Layers(
        driver="vfs",
        lower=tuple(reversed(lower)),
        init=os.path.join(directory, _line(os.path.join(mounted, "init-id"))),
        upper=os.path.join(directory, _line(os.path.join(mounted, "mount-id"))),
    )


def podman_vfs_layers(root_dir: str, container: str) -> Layers:
    """Podman's directories (containers/storage v1.43 containers.go, layers.go, drivers/vfs).

    Raises OSError or ValueError where the books cannot be read.
    """
    containers = _json(os.path.join(root_dir, "vfs-containers/containers.json"))
    layers = {one["id"]: one for one in _json(os.path.join(root_dir, "vfs-layers/layers.json"))}
    layer = next((one["layer"] for one in containers if one["id"] == container), None)
    if layer is None:
        raise ValueError(f"{root_dir} knows no container {container}")
    directory = os.path.join(root_dir, "vfs/dir")
    lower: list[str] = []
    parent = layers.get(layer, {}).get("parent")
    while parent and len(lower) < len(layers):
        lower.append(os.path.join(directory, parent))
        parent = layers[parent].get("parent")
    return Layers(driver="vfs", lower=tuple(lower), upper=os.path.join(directory, layer))


def chain_ids(diff_ids: Iterable[str]) -> list[str]:
    """The chain ids of layers (OCI image-spec v1.1 config.md, "Layer ChainID"), lowest first."""

    def link(below: str, diff_id: str) -> str:
        return f"sha256:{sha256(f'{below} {diff_id}'.encode()).hexdigest()}"

    return list(accumulate(diff_ids, link))


def _line(path: str) -> str:
    with open(path, encoding="utf-8") as text:
        name = text.read().strip()
    if not name or os.path.basename(name) != name or name in {".", ".."}:
        raise ValueError(f"{path} holds no name of a layer")
    return name


def _json(path: str) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as text:
        data = json.load(text)
    if not isinstance(data, list):
        raise TypeError(f"{path} holds no list")
    return data
