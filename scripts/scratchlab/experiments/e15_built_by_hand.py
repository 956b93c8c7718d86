"""E15: the same root filesystem, built by hand: the first rung that shows an entry made it.

What construction proves must agree with what evidence says of the same entries (E07), and with
the stage of a container's life at which they appear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.ladder import judge as rungs
from scratchlab.ladder import stages
from scratchlab.ladder.model import LadderRow, Lifecycle, Maker, RootView, RungRun
from scratchlab.text import visible

_MOST = 8


@dataclass(frozen=True)
class Observation:
    """The ladder, and the life of the container that is its engine's rung.

    ``elsewhere`` says that the engine's processes are not this machine's; then there is neither.
    """

    climb: RungRun = field(default_factory=RungRun)
    life: Lifecycle = field(default_factory=Lifecycle)
    elsewhere: str = ""


def probe(lab: Laboratory) -> Observation:
    """Climb it."""
    from scratchlab.ladder import observe

    climb, life = observe.ladder(lab, lab.names.image)
    return Observation(climb, life)


def judge(seen: Observation) -> ExperimentOutcome:
    """Maker and origin agree for every entry, and each entry appears when its origin can act."""
    if seen.elsewhere:
        return ExperimentOutcome(seen.elsewhere, skip="elsewhere")
    rows = rungs.judge(seen.climb)
    said = _said(rows, seen.climb)
    here = {view.step.id for view in seen.climb.rungs if view.step.available}
    if "chroot" not in here or _paths(seen.climb.rungs, "chroot") != _paths(
        seen.life.stages, "image"
    ):
        return ExperimentOutcome(said, fault="root")
    if not here & {"runc", "crun", "containerd"}:
        return ExperimentOutcome(said, fault="no-runtime")
    if wrong := [row for row in rows if row.agrees is False]:
        words = {"disagreements": _listed(map(_disagreement, wrong))}
        return ExperimentOutcome(said, fault="disagrees", words=words)
    if late := [row for row in stages.judge(seen.life) if row.agrees is False]:
        words = {"entries": _listed(f"{visible(r.path)} ({r.origin}) in {r.first}" for r in late)}
        return ExperimentOutcome(said, fault="stage", words=words)
    if left := [
        v.step for v in seen.life.stages if v.step.id == "removed" and not v.step.available
    ]:
        return ExperimentOutcome(said, fault="left", words={"left": left[0].reason})
    absent = [view.step for view in seen.climb.rungs if not view.step.available]
    words = {"absent": "; ".join(f"{step.id}: {step.reason}" for step in absent)}
    return ExperimentOutcome(said, today=("absent",) if absent else (), words=words)


def _paths(views: Iterable[RootView], name: str) -> tuple[str, ...]:
    return next(tuple(e.path for e in view.entries) for view in views if view.step.id == name)


def _said(rows: tuple[LadderRow, ...], climb: RungRun) -> str:
    by_maker = defaultdict(list)
    for row in rows:
        by_maker[row.maker].append(visible(row.path))
    lines = [
        f"{maker or 'not to be told'}: {_listed(by_maker[maker])}"
        for maker in Maker
        if by_maker[maker]
    ]
    climbed = [view.step.id for view in climb.rungs if view.step.available]
    compared = [row for row in rows if row.agrees is not None]
    agreed = sum(row.agrees is True for row in compared)
    lines.append(
        f"{', '.join(climbed)}: for {agreed} of {len(compared)} entries the rung that makes them "
        "is the origin that evidence names"
    )
    return "\n".join(lines)


def _listed(words: Iterable[str]) -> str:
    shown = list(words)
    rest = len(shown) - _MOST
    return ", ".join(shown[:_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _disagreement(row: LadderRow) -> str:
    maker = f"{row.maker} (first on {row.first})" if row.maker else f"first seen on {row.first}"
    return f"{visible(row.path)}: {maker}, by evidence {row.origin or 'nobody'}"
