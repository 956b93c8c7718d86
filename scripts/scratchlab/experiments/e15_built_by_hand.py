"""E15: the same root filesystem, built by hand: the first rung that shows an entry made it.

What construction proves must agree with the evidence for the same entries (E07), and with the stage
of the container's lifecycle in which they appear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.ladder.judge import judge_ladder, judge_lifecycle
from scratchlab.ladder.model import EntryRow, LadderRun, Lifecycle, Maker, RootView
from scratchlab.ladder.observe import observe_ladder
from scratchlab.ladder.probe_container import ElsewhereError
from scratchlab.text import visible

_MOST_LISTED = 8
_RUNTIME_RUNGS = {"runc", "crun", "containerd"}


@dataclass(frozen=True)
class Observation:
    """The ladder, and the lifecycle of the container that is its engine's rung.

    ``elsewhere`` says that the engine runs on another machine; then both are empty. The field names
    ``climb`` and ``life`` are keys of saved observations.
    """

    climb: LadderRun = field(default_factory=LadderRun)
    life: Lifecycle = field(default_factory=Lifecycle)
    elsewhere: str = ""


def probe(lab: Laboratory) -> Observation:
    """Start the image on every rung."""
    try:
        return Observation(*observe_ladder(lab, lab.names.image))
    except ElsewhereError as error:
        return Observation(elsewhere=error.what)


def judge(observation: Observation) -> ExperimentOutcome:
    """Maker and origin agree for every entry, and each entry appears when its origin acts."""
    if observation.elsewhere:
        return ExperimentOutcome(observation.elsewhere, skip="elsewhere")
    run, lifecycle = observation.climb, observation.life
    rows = judge_ladder(run)
    observed = _summary(rows, run)
    measured = {view.step.id for view in run.rungs if view.step.available}
    if "chroot" not in measured or _paths(run.rungs, "chroot") != _paths(lifecycle.stages, "image"):
        return ExperimentOutcome(observed, fault="root")
    if not measured & _RUNTIME_RUNGS:
        return ExperimentOutcome(observed, fault="no-runtime")
    if contradicted := [row for row in rows if row.agrees is False]:
        values = {"disagreements": _listed(map(_disagreement, contradicted))}
        return ExperimentOutcome(observed, fault="disagrees", placeholders=values)
    if late := [row for row in judge_lifecycle(lifecycle) if row.agrees is False]:
        entries = _listed(f"{visible(row.path)} ({row.origin}) in {row.first}" for row in late)
        return ExperimentOutcome(observed, fault="stage", placeholders={"entries": entries})
    removed = next((view.step for view in lifecycle.stages if view.step.id == "removed"), None)
    if removed is not None and not removed.available:
        return ExperimentOutcome(observed, fault="left", placeholders={"left": removed.reason})
    absent = [view.step for view in run.rungs if not view.step.available]
    values = {"absent": "; ".join(f"{step.id}: {step.reason}" for step in absent)}
    return ExperimentOutcome(observed, today=("absent",) if absent else (), placeholders=values)


def _paths(views: Iterable[RootView], name: str) -> tuple[str, ...]:
    return next(tuple(e.path for e in view.entries) for view in views if view.step.id == name)


def _summary(rows: tuple[EntryRow, ...], run: LadderRun) -> str:
    by_maker = defaultdict(list)
    for row in rows:
        by_maker[row.maker].append(visible(row.path))
    lines = [
        f"{maker or 'maker not known'}: {_listed(by_maker[maker])}"
        for maker in Maker
        if by_maker[maker]
    ]
    measured = [view.step.id for view in run.rungs if view.step.available]
    compared = [row for row in rows if row.agrees is not None]
    agreed = sum(row.agrees is True for row in compared)
    lines.append(
        f"{', '.join(measured)}: for {agreed} of {len(compared)} entries the rung that makes them "
        "is the origin that evidence names"
    )
    return "\n".join(lines)


def _listed(items: Iterable[str]) -> str:
    shown = list(items)
    rest = len(shown) - _MOST_LISTED
    return ", ".join(shown[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _disagreement(row: EntryRow) -> str:
    maker = f"{row.maker} (first on {row.first})" if row.maker else f"first shown on {row.first}"
    return f"{visible(row.path)}: {maker}, by evidence {row.origin or 'nobody'}"
