"""The vfs storage driver: each layer is a whole copy, and only the engine's books tell which."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from hashlib import sha256
from itertools import accumulate
from typing import Any

from scratchlab.model import Layers


def docker(root_dir: str, container: str, diff_ids: Iterable[str]) -> Layers:
    """Docker's folders: moby v20.10.24 layer/filestore.go, daemon/graphdriver/vfs/driver.go.

    Raises OSError or ValueError where the books cannot be read.
    """
    books = os.path.join(root_dir, "image/vfs/layerdb")
    mounted = os.path.join(books, "mounts", container)
    folder = os.path.join(root_dir, "vfs/dir")
    lower: list[str] = []
    for chain in chain_ids(diff_ids):
        cache_id = _line(os.path.join(books, chain.replace(":", "/"), "cache-id"))
        lower.append(os.path.join(folder, cache_id))
    return Layers(
        driver="vfs",
        lower=tuple(reversed(lower)),
        init=os.path.join(folder, _line(os.path.join(mounted, "init-id"))),
        upper=os.path.join(folder, _line(os.path.join(mounted, "mount-id"))),
    )


def podman(root_dir: str, container: str) -> Layers:
    """Podman's folders: containers/storage v1.43 containers.go, layers.go, drivers/vfs/driver.go.

    Raises OSError or ValueError where the books cannot be read.
    """
    containers = _json(os.path.join(root_dir, "vfs-containers/containers.json"))
    layers = {one["id"]: one for one in _json(os.path.join(root_dir, "vfs-layers/layers.json"))}
    layer = next((one["layer"] for one in containers if one["id"] == container), None)
    if layer is None:
        raise ValueError(f"{root_dir} knows no container {container}")
    folder = os.path.join(root_dir, "vfs/dir")
    lower: list[str] = []
    parent = layers.get(layer, {}).get("parent")
    while parent and len(lower) < len(layers):
        lower.append(os.path.join(folder, parent))
        parent = layers[parent].get("parent")
    return Layers(driver="vfs", lower=tuple(lower), upper=os.path.join(folder, layer))


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
