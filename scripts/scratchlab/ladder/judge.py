"""Views side by side: one row for each path, in tree order."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from scratchlab.lab.listing import KINDS, ListedLine
from scratchlab.ladder.model import LadderRow, Maker, RootView, RungRun
from scratchlab.ledger import key
from scratchlab.model import Origin
from scratchlab.text import visible

_TYPES = {str(kind): bits for bits, kind in KINDS.items()}


def rows(views: Sequence[RootView]) -> Iterator[LadderRow]:
    """One row a path; ``first`` is the first view that shows it, put there by hand or not."""
    shown = [{one.path: one for one in view.entries} for view in views]
    paths = sorted({path for entries in shown for path in entries}, key=key)
    for path in paths:
        lines = [entries.get(path) for entries in shown]
        first = next(index for index, line in enumerate(lines) if line is not None)
        yield LadderRow(
            path=path,
            kind=next(line.kind for line in lines if line is not None),
            present=tuple(
                line is not None if view.step.available else None
                for view, line in zip(views, lines, strict=True)
            ),
            first=views[first].step.id,
            details=tuple(
                detail(line, view) if line is not None else ""
                for view, line in zip(views, lines, strict=True)
            ),
        )


def detail(line: ListedLine, view: RootView) -> str:
    """What a person reads of an entry: mode, owner, size or numbers, target, filesystem."""
    parts = [stat.filemode(_TYPES[line.kind] | line.mode), f"{line.uid}:{line.gid}"]
    if line.device is not None:
        parts.append("{}, {}".format(*line.device))
    elif line.kind == "file":
        parts.append(f"{line.size} B")
    if line.target is not None:
        parts.append(f"-> {visible(line.target)}")
    if line.path in view.filesystems:
        parts.append(f"[{visible(view.filesystems[line.path])}]")
    return " ".join(parts)


# The ladder's judgement: the first rung that shows an entry made it, and evidence must agree.


MAKERS: Mapping[str, Maker] = {
    "chroot": Maker.IMAGE,
    "mounts": Maker.KERNEL,
    "runc": Maker.RUNTIME,
    "crun": Maker.RUNTIME,
    "containerd": Maker.CONTAINERD,
    "docker": Maker.ENGINE,
    "podman": Maker.ENGINE,
}
# What evidence may call the work of each maker. A runtime mounts what its configuration lists, so
# a mount of the default list is its work on every rung above.
ORIGINS: Mapping[Maker, frozenset[Origin]] = {
    Maker.IMAGE: frozenset({Origin.IMAGE_LAYER, Origin.STORAGE_DRIVER}),
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


def judge(climb: RungRun) -> tuple[LadderRow, ...]:
    """Who made each entry, and whether the origin by evidence agrees, in tree order."""
    claims = {claim.path: claim.origin for claim in climb.claims}
    return tuple(_judged(row, climb, claims.get(row.path, "")) for row in rows(climb.rungs))


def _judged(row: LadderRow, climb: RungRun, origin: str) -> LadderRow:
    seen = dict(zip((view.step.id for view in climb.rungs), row.present, strict=True))
    by_hand = {view.step.id for view in climb.rungs if row.path in view.by_hand}
    shown_by = [rung for rung, present in seen.items() if present and rung not in by_hand]
    if not shown_by:
        return replace(row, first="")
    on_engine = climb.engine in shown_by
    top = climb.engine if on_engine else shown_by[0]
    chain = [*_below(top, climb, seen), top]
    first = next(rung for rung in chain if rung in shown_by)
    makers = {MAKERS[rung] for rung in (first, *_gap(chain[: chain.index(first)], seen))}
    return replace(
        row,
        first=first,
        maker=MAKERS[first] if len(makers) == 1 else Maker.UNKNOWN,
        origin=origin if on_engine else "",
        agrees=_agrees(row.path, origin, makers, climb) if on_engine else None,
    )


def _agrees(path: str, origin: str, makers: set[Maker], climb: RungRun) -> bool | None:
    if origin in frozenset().union(*(ORIGINS[maker] for maker in makers)):
        return True
    mounted = next(view.filesystems for view in climb.rungs if view.step.id == climb.engine)
    below = path.rstrip("/") + "/"
    if origin == Origin.RUNTIME_MOUNTPOINT and Maker.ENGINE in makers:
        # The runtime makes what the engine's mounts need to stand on (podman: /run).
        return any(target == path or target.startswith(below) for target in mounted)
    if origin == Origin.ENGINE_MOUNT and path in mounted:
        # The engine mounts its own where the runtime would have (podman: /dev/shm): that it would,
        # is all that the rungs below can show.
        return None
    return False


def _below(rung: str, climb: RungRun, seen: Mapping[str, bool | None]) -> list[str]:
    """The rungs that ``rung`` stands on: podman knows no containerd, and runc no crun.

    containerd is left out where it could not be measured: it is the engine's own part.
    """
    runtimes = [one for one in ("runc", "crun") if seen.get(one) is not None] or ["runc"]
    if rung == climb.engine and climb.runtime in MAKERS:
        runtimes = [climb.runtime]
    containerd = ["containerd"] if seen.get("containerd") is not None else []
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


def _gap(below: Sequence[str], seen: Mapping[str, bool | None]) -> Iterator[str]:
    """The rungs right below that were not measured: any of them may have made the entry."""
    return takewhile(lambda rung: seen.get(rung) is None, reversed(below))
