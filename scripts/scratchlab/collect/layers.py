"""Where the storage driver keeps the parts of a container's root."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from scratchlab.collect import mountinfo, overlay, vfs
from scratchlab.model import Engine, Layers, Mount


def find(
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
                return vfs.podman(engine.root_dir, inspect["Id"]), None
            return vfs.docker(engine.root_dir, inspect["Id"], diff_ids), None
        except (OSError, ValueError, TypeError, KeyError) as error:
            return Layers(driver=driver), f"the vfs driver's layers cannot be told: {error}"
    return Layers(driver=driver), f"layers of the storage driver {driver} are not known to the lab"


def _overlay(
    driver: str, data: Mapping[str, Any], engine: Engine, image_layers: int, root: Mount
) -> tuple[Layers, str | None]:
    mounted = overlay.folders(root.super_options)
    told = data.get("UpperDir") or mounted.upper or ""
    # .../overlay2/ID/diff, .../snapshots/ID/fs: short and relative names start two levels up.
    base = os.path.dirname(os.path.dirname(told)) if told.startswith("/") else None
    lower, upper = overlay.resolved(mounted, base)
    problem = None
    if data.get("UpperDir") and os.path.realpath(data["UpperDir"]) != upper:
        problem = f"the engine says the writable layer is {data['UpperDir']}, the kernel {upper}"
    init = lower[0] if lower and _is_init(lower[0], engine, len(lower), image_layers) else None
    return Layers(driver, lower[1:] if init else lower, init, upper), problem


def _is_init(folder: str, engine: Engine, lower: int, image_layers: int) -> bool:
    """Whether the topmost lower folder is the engine's init layer, not one of the image's."""
    if engine.name != "docker":
        return False
    if engine.containerd_store:
        # Snapshots have numbers, no names: one more than the image has layers is the init
        # snapshot (moby v25 daemon/containerd/image_snapshot.go prepareInitLayer()).
        return lower == image_layers + 1
    # moby v20.10.24 layer/layer_store.go initMount(): "<id>-init".
    return os.path.basename(os.path.dirname(folder)).endswith("-init")
