"""The time-lapse: when each entry appears, and whether its origin could do that then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scratchlab.ladder.judge import rows
from scratchlab.ladder.model import LadderRow, Lifecycle
from scratchlab.model import Origin

# The first stages at which the work of an origin can be seen. A mount may have had its mountpoint
# made long before; whoever leaves no trace outside the container's own mounts is seen in it only.
_CREATED = frozenset({"created"})
_MOUNTED = frozenset({"image", "created", "prepared", "running"})
_INSIDE = frozenset({"prepared", "running"})
FIRST: Mapping[Origin, frozenset[str]] = {
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
OWN: Mapping[str, Mapping[Origin, frozenset[str]]] = {
    "podman": {Origin.ENGINE_CREATE: _CREATED | _INSIDE},
}


def judge(life: Lifecycle) -> tuple[LadderRow, ...]:
    """When each entry appeared, and whether its origin by evidence could do that then."""
    claims = {claim.path: claim.origin for claim in life.claims}
    return tuple(_judged(row, life, claims.get(row.path, "")) for row in rows(life.stages))


def _judged(row: LadderRow, life: Lifecycle, origin: str) -> LadderRow:
    seen = dict(zip((view.step.id for view in life.stages), row.present, strict=True))
    if not origin or not seen.get("running"):
        return row
    order = list(seen)
    possible = {row.first}
    for stage in reversed(order[: order.index(row.first)]):
        if seen[stage] is not None:
            break
        possible.add(stage)  # not looked at: it may have been there already
    engine = next(view.step.tool for view in life.stages if view.step.id == "running")
    known = {**FIRST, **OWN.get(engine, {})}
    allowed = known.get(Origin(origin), frozenset())
    return replace(row, origin=origin, agrees=bool(possible & allowed))
