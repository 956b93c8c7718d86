"""Judge the ladder and the lifecycle: construction and the origins by evidence must agree.

On the ladder the first rung that shows an entry made it. In the lifecycle an entry appears in a
stage in which its origin acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from scratchlab.lab.listing import ListedEntry
from scratchlab.ladder.model import EntryRow, LadderRun, Lifecycle, Maker, RootView
from scratchlab.ledger import sort_key
from scratchlab.model import Kind, Origin
from scratchlab.text import visible


def entry_rows(views: Sequence[RootView]) -> Iterator[EntryRow]:
    """One row for each path, in tree order.

    ``first`` is the first step that shows the path, even if scratchlab made the entry itself.
    """
    shown = [{entry.path: entry for entry in view.entries} for view in views]
    paths = sorted({path for by_path in shown for path in by_path}, key=sort_key)
    for path in paths:
        entries = [by_path.get(path) for by_path in shown]
        first = next(index for index, entry in enumerate(entries) if entry is not None)
        yield EntryRow(
            path=path,
            kind=next(entry.kind for entry in entries if entry is not None),
            present=tuple(
                entry is not None if view.step.available else None
                for view, entry in zip(views, entries, strict=True)
            ),
            first=views[first].step.id,
            details=tuple(
                _detail(entry, view) if entry is not None else ""
                for view, entry in zip(views, entries, strict=True)
            ),
        )


def _detail(entry: ListedEntry, view: RootView) -> str:
    """An entry's mode, owner, size (bytes) or device numbers, target and filesystem as text."""
    parts = [Kind(entry.kind).filemode(entry.mode), f"{entry.uid}:{entry.gid}"]
    if entry.device is not None:
        parts.append("{}, {}".format(*entry.device))
    elif entry.kind == "file":
        parts.append(f"{entry.size} B")
    if entry.target is not None:
        parts.append(f"-> {visible(entry.target)}")
    if entry.path in view.filesystems:
        parts.append(f"[{visible(view.filesystems[entry.path])}]")
    return " ".join(parts)


# The maker of an entry that appears first on a rung.
_MAKERS: Mapping[str, Maker] = {
    "chroot": Maker.IMAGE,
    "mounts": Maker.KERNEL,
    "runc": Maker.RUNTIME,
    "crun": Maker.RUNTIME,
    "containerd": Maker.CONTAINERD,
    "docker": Maker.ENGINE,
    "podman": Maker.ENGINE,
}
# The origins that evidence may name for the entries of each maker. A runtime mounts what its
# configuration lists, so a mount of the default list is its work on every rung above.
_ORIGINS: Mapping[Maker, frozenset[Origin]] = {
    Maker.IMAGE: frozenset({Origin.IMAGE_LAYER}),
    Maker.KERNEL: frozenset({Origin.KERNEL}),
    Maker.RUNTIME: frozenset(
        {
            Origin.RUNTIME_FILESYSTEM,
            Origin.RUNTIME_DEVICE,
            Origin.RUNTIME_MOUNTPOINT,
            Origin.RUNTIME_MASK,
        }
    ),
    Maker.CONTAINERD: frozenset({Origin.RUNTIME_FILESYSTEM, Origin.RUNTIME_MOUNTPOINT}),
    Maker.ENGINE: frozenset({Origin.ENGINE_INIT_LAYER, Origin.ENGINE_CREATE, Origin.ENGINE_MOUNT}),
}


def judge_ladder(run: LadderRun) -> tuple[EntryRow, ...]:
    """One row for each path, in tree order: its maker, and whether evidence names the same."""
    claims = {claim.path: claim.origin for claim in run.claims}
    return tuple(_judged_rung(row, run, claims.get(row.path, "")) for row in entry_rows(run.rungs))


def _judged_rung(row: EntryRow, run: LadderRun, origin: str) -> EntryRow:
    present = dict(zip((view.step.id for view in run.rungs), row.present, strict=True))
    by_hand = {view.step.id for view in run.rungs if row.path in view.by_hand}
    shown_by = [rung for rung, shows in present.items() if shows and rung not in by_hand]
    if not shown_by:
        return replace(row, first="")
    on_engine = run.engine in shown_by
    top = run.engine if on_engine else shown_by[0]
    chain = [*_below(top, run, present), top]
    first = next(rung for rung in chain if rung in shown_by)
    makers = {_MAKERS[rung] for rung in (first, *_unmeasured(chain[: chain.index(first)], present))}
    if origin == Origin.STORAGE_DRIVER:
        # The root itself: every rung is given one, so construction cannot show who makes it.
        return replace(row, first="", origin=origin if on_engine else "")
    return replace(
        row,
        first=first,
        maker=_MAKERS[first] if len(makers) == 1 else Maker.UNKNOWN,
        origin=origin if on_engine else "",
        agrees=_agrees(row.path, origin, makers, run) if on_engine else None,
    )


def _agrees(path: str, origin: str, makers: set[Maker], run: LadderRun) -> bool | None:
    if origin in frozenset().union(*(_ORIGINS[maker] for maker in makers)):
        return True
    mounted = next(view.filesystems for view in run.rungs if view.step.id == run.engine)
    below = path.rstrip("/") + "/"
    if origin == Origin.RUNTIME_MOUNTPOINT and Maker.ENGINE in makers:
        # The runtime makes the mountpoints of the engine's mounts (podman: /run).
        return any(target == path or target.startswith(below) for target in mounted)
    if origin == Origin.ENGINE_MOUNT and path in mounted:
        # The engine mounts its own filesystem in place of the runtime's (podman: /dev/shm); the
        # rungs below can only show what the runtime would have done.
        return None
    return False


def _below(rung: str, run: LadderRun, present: Mapping[str, bool | None]) -> list[str]:
    """The rungs that ``rung`` builds on: podman does not use containerd, nor runc crun.

    containerd is left out if it was not measured: it then counts as part of the engine.
    """
    runtimes = [tool for tool in ("runc", "crun") if present.get(tool) is not None] or ["runc"]
    if rung == run.engine and run.runtime in _MAKERS:
        runtimes = [run.runtime]
    containerd = ["containerd"] if present.get("containerd") is not None else []
    below = {
        "chroot": [],
        "mounts": ["chroot"],
        "runc": ["chroot", "mounts"],
        "crun": ["chroot", "mounts"],
        "containerd": ["chroot", "mounts", *runtimes],
        "docker": ["chroot", "mounts", *runtimes, *containerd],
        "podman": ["chroot", "mounts", *runtimes],
    }
    return below[rung]


def _unmeasured(below: Sequence[str], present: Mapping[str, bool | None]) -> Iterator[str]:
    """The rungs right below that were not measured: any of them may have made the entry."""
    return takewhile(lambda rung: present.get(rung) is None, reversed(below))


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
        _judged_stage(row, lifecycle, claims.get(row.path, ""))
        for row in entry_rows(lifecycle.stages)
    )


def _judged_stage(row: EntryRow, lifecycle: Lifecycle, origin: str) -> EntryRow:
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
