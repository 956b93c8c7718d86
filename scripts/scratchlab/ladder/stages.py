"""The time-lapse: in which stage an entry appears, and whether its origin acts in that stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scratchlab.ladder.judge import entry_rows
from scratchlab.ladder.model import EntryRow, Lifecycle
from scratchlab.model import Origin

# The stages in which an entry of an origin can appear first. The path of a mount may have been made
# long before as its mountpoint. An entry that exists only inside the container's own mounts
# appears once these are mounted.
_CREATED = frozenset({"created"})
_MOUNTED = frozenset({"image", "created", "prepared", "running"})
_INSIDE = frozenset({"prepared", "running"})
_FIRST_STAGES: Mapping[Origin, frozenset[str]] = {
    Origin.IMAGE_LAYER: frozenset({"image"}),
    Origin.STORAGE_DRIVER: frozenset({"image", "created"}),
    Origin.ENGINE_INIT_LAYER: _CREATED,
    Origin.ENGINE_CREATE: _CREATED,
    Origin.ENGINE_MOUNT: _MOUNTED,
    Origin.USER_MOUNT: _MOUNTED,
    Origin.RUNTIME_MOUNTPOINT: _INSIDE,
    Origin.RUNTIME_FILESYSTEM: _MOUNTED,
    Origin.RUNTIME_DEVICE: _INSIDE,
    Origin.RUNTIME_MASK: _MOUNTED,
    Origin.KERNEL: _INSIDE,
}
# libpod makes /etc and /etc/mtab when it starts a container (podman v4.3.1
# libpod/container_internal_linux.go prepare(), container_internal.go).
_ENGINE_STAGES: Mapping[str, Mapping[Origin, frozenset[str]]] = {
    "podman": {Origin.ENGINE_CREATE: _CREATED | _INSIDE},
}


def judge_lifecycle(lifecycle: Lifecycle) -> tuple[EntryRow, ...]:
    """One row for each path, in tree order: where it appeared first, and whether that fits."""
    claims = {claim.path: claim.origin for claim in lifecycle.claims}
    return tuple(
        _judged(row, lifecycle, claims.get(row.path, "")) for row in entry_rows(lifecycle.stages)
    )


def _judged(row: EntryRow, lifecycle: Lifecycle, origin: str) -> EntryRow:
    present = dict(zip((view.step.id for view in lifecycle.stages), row.present, strict=True))
    if not origin or not present.get("running"):
        return row
    order = list(present)
    possible = {row.first}
    for stage in reversed(order[: order.index(row.first)]):
        if present[stage] is not None:
            break
        possible.add(stage)  # not measured: the entry may have appeared in it
    engine = next(view.step.tool for view in lifecycle.stages if view.step.id == "running")
    known = {**_FIRST_STAGES, **_ENGINE_STAGES.get(engine, {})}
    allowed = known.get(Origin(origin), frozenset())
    return replace(row, origin=origin, agrees=bool(possible & allowed))
