"""Changes to E15's observation, and the fault that its judge must name for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from scratchlab.experiments.e15_built_by_hand import Observation
from scratchlab.lab.listing import ListedEntry
from scratchlab.ladder.model import Claim, RootView

Change = Callable[[Any], Any]


def _views(
    views: Iterable[RootView], name: str, change: Callable[[RootView], RootView]
) -> tuple[RootView, ...]:
    changed = tuple(change(view) if view.step.id == name else view for view in views)
    assert changed != tuple(views)
    return changed


def rung(change: Callable[[RootView], RootView], *names: str) -> Change:
    """Apply ``change`` to the rungs with these names."""

    def changed(observation: Observation) -> Observation:
        for name in names:
            rungs = _views(observation.climb.rungs, name, change)
            observation = replace(observation, climb=replace(observation.climb, rungs=rungs))
        return observation

    return changed


def stage(change: Callable[[RootView], RootView], name: str) -> Change:
    """Apply ``change`` to the stage with this name."""
    return lambda observation: replace(
        observation,
        life=replace(observation.life, stages=_views(observation.life.stages, name, change)),
    )


def absent(view: RootView) -> RootView:
    """Make the step one that was not measured."""
    return RootView(
        replace(view.step, available=False, reason=f"not installed: install {view.step.tool}")
    )


def without(path: str) -> Callable[[RootView], RootView]:
    """Remove an entry from a step."""
    return lambda view: replace(view, entries=tuple(e for e in view.entries if e.path != path))


def showing(path: str) -> Callable[[RootView], RootView]:
    """Add an entry to a step."""
    line = ListedEntry(path, "file", 0o644, 0, 0, 0)
    return lambda view: replace(view, entries=(*view.entries, line))


def claimed(path: str, origin: str) -> Change:
    """Replace the origin by evidence of an entry."""

    def changed(observation: Observation) -> Observation:
        assert path in {claim.path for claim in observation.climb.claims}
        claims = tuple(
            Claim(path, origin) if claim.path == path else claim
            for claim in observation.climb.claims
        )
        return replace(observation, climb=replace(observation.climb, claims=claims))

    return changed


BROKEN: list[tuple[str, str, Change]] = [
    ("E15", "root", rung(without("/sleep"), "chroot")),
    ("E15", "root", rung(showing("/stranger"), "chroot")),
    ("E15", "root", rung(absent, "chroot")),
    ("E15", "no-runtime", rung(absent, "runc", "crun", "containerd")),
    ("E15", "disagrees", claimed("/.dockerenv", "runtime-mountpoint")),
    ("E15", "disagrees", claimed("/.dockerenv", "unexplained")),
    ("E15", "disagrees", claimed("/dev/null", "engine-mount")),
    ("E15", "disagrees", claimed("/dev/pts/ptmx", "runtime-device")),
    ("E15", "disagrees", claimed("/etc/hosts", "written-later")),
    ("E15", "disagrees", claimed("/sleep", "hook-or-tool")),
    # A rung that shows entries which a later rung makes by their origin.
    ("E15", "disagrees", rung(showing("/.dockerenv"), "runc")),
    ("E15", "disagrees", rung(showing("/dev/null"), "mounts")),
    ("E15", "disagrees", rung(without("/dev/full"), "runc", "crun", "containerd")),
    ("E15", "stage", stage(showing("/dev/null"), "created")),
    ("E15", "stage", stage(without("/.dockerenv"), "created")),
    ("E15", "stage", stage(showing("/dev/pts/ptmx"), "created")),
    ("E15", "left", stage(absent, "removed")),
]
TODAY: list[tuple[str, str, Change]] = [
    ("E15", "absent", rung(absent, "crun", "podman")),
]
SKIPPED: list[tuple[str, str, Change]] = [
    ("E15", "elsewhere", lambda _: Observation(elsewhere="the engine is on another machine")),
]
