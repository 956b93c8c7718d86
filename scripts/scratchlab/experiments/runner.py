"""Run the experiments in order, some side by side; none runs whose prerequisite failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import groupby
from typing import Any, Protocol, cast

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from scratchlab import codec
from scratchlab.errors import LabError
from scratchlab.experiments.table import EXPERIMENTS, Experiment, ExperimentOutcome, check, row
from scratchlab.lab.bounded import bounded, side_by_side
from scratchlab.lab.session import Laboratory
from scratchlab.labels import Names
from scratchlab.model import Check, Json, Verdict

Progress = Callable[[Experiment, Check | None], None]
_PING_SECONDS = 5.0
_ELSEWHERE = "not run: it looks at the machine that runs the engine, and that is not this one"
_STATES = {
    Verdict.FAIL: "failed",
    Verdict.ERROR: "could not be answered",
    Verdict.SKIP: "was skipped",
}
_START_ENGINE = "start the engine (`docker info` must answer), then run the experiments again"


class Module(Protocol):
    """What a file of an experiment provides."""

    Observation: type[Any]  # frozen dataclass of plain fields

    def probe(self, lab: Laboratory) -> Any:
        """Observe; judge nothing."""

    def judge(self, observation: Any) -> ExperimentOutcome:
        """Decide; observe nothing."""


def module(experiment: Experiment) -> Module:
    """The file that probes and judges ``experiment``."""
    return cast(Module, import_module(f"{__package__}.{experiment.module}"))


def select(
    only: Collection[str] = (), table: Sequence[Experiment] = EXPERIMENTS
) -> tuple[Experiment, ...]:
    """The experiments named by id and what they depend on, in the table's order; () is all.

    Raises LabError for an id that is not in the table.
    """
    known = {experiment.id: experiment for experiment in table}
    wanted: set[str] = set()
    waiting = [name.strip().upper() for name in only]
    while waiting:
        name = waiting.pop()
        if name not in known:
            raise LabError(f"there is no experiment {name!r}", f"choose from {', '.join(known)}")
        if name not in wanted:
            wanted.add(name)
            waiting += known[name].depends_on
    return tuple(e for e in table if not only or e.id in wanted)


def run(
    lab: Laboratory,
    only: Collection[str] = (),
    progress: Progress | None = None,
    table: Sequence[Experiment] = EXPERIMENTS,
) -> tuple[Check, ...]:
    """Run the experiments (see :func:`select`) and give one check each, in the table's order.

    ``progress`` is called before (with None) and after each one. What the probes saw stays in
    ``lab.observations``. An engine that dies is an ``error`` of the experiments that met it; the
    rest is then not run. Raises LabError for an unknown id only.
    """
    reasons: dict[str, str] = {}  # why an experiment, or what depends on it, is not run
    checks: list[Check] = []
    chosen = select(only, table)
    lab.clear()
    try:
        for group in _groups(chosen):
            acts = []
            for experiment in group:
                names = ("engine", *experiment.depends_on)
                blocked = next((reasons[name] for name in names if name in reasons), None)
                if blocked:
                    reasons[experiment.id] = blocked
                if progress:
                    progress(experiment, None)
                acts.append(partial(_one, lab, experiment, blocked))
            for experiment, done in zip(group, side_by_side(acts), strict=True):
                if done.verdict in _STATES:
                    why = f"not run: {experiment.id} {_STATES[done.verdict]}"
                    reasons.setdefault(experiment.id, why)
                broken = done.verdict is Verdict.ERROR and "engine" not in reasons
                if broken and not _answers(lab):
                    reasons["engine"] = f"not run: the engine stopped answering in {experiment.id}"
                if progress:
                    progress(experiment, done)
                checks.append(done)
    finally:
        lab.close()
    return tuple(checks)


def _groups(chosen: Sequence[Experiment]) -> Iterator[list[Experiment]]:
    """The experiments in their order, those together that run side by side."""
    for together, experiments in groupby(chosen, lambda one: one.side_by_side):
        found = list(experiments)
        yield from [found] if together else ([one] for one in found)


def judge_again(observations: Mapping[str, Json], names: Names | None = None) -> tuple[Check, ...]:
    """Checks from saved observations (JSON by experiment id), without an engine.

    Raises codec.MismatchError for JSON that is no observation.
    """
    checks = []
    for experiment in EXPERIMENTS:
        if experiment.id in observations:
            part = module(experiment)
            observed = codec.decode(part.Observation, observations[experiment.id])
            checks.append(check(experiment, part.judge(observed), names or Names()))
    return tuple(checks)


def _one(lab: Laboratory, experiment: Experiment, blocked: str | None) -> Check:
    """Its check; ``blocked`` says why it is not run. Raises nothing."""
    if blocked:
        return row(experiment, Verdict.SKIP, lab.names, observed=blocked)
    part = module(experiment)
    try:
        if experiment.needs_host and not bounded(lambda: lab.here, experiment.timeout):
            return row(experiment, Verdict.SKIP, lab.names, observed=_ELSEWHERE)
        seen = bounded(lambda: part.probe(lab), experiment.timeout)
        lab.observations[experiment.id] = seen
        return check(experiment, part.judge(seen), lab.names)
    except Exception as error:  # every fault is one line of the report
        what, remedy = describe(error)
        return row(experiment, Verdict.ERROR, lab.names, observed=what, advice=remedy)


def _answers(lab: Laboratory) -> bool:
    try:
        return bool(bounded(lab.engine.client.ping, _PING_SECONDS))
    except Exception:  # whatever it is, it is no answer
        return False


def describe(error: Exception) -> tuple[str, str]:
    """One line that says what happened, and one that says what mends it."""
    if isinstance(error, LabError):
        return _line(error.what), _line(error.remedy)
    if isinstance(error, APIError):
        return f"the engine answers: {_line(str(error.explanation or error))}", ""
    if isinstance(error, DockerException | RequestException):
        return f"the engine stopped answering ({_line(str(error))})", _START_ENGINE
    if isinstance(error, OSError):
        return _line(str(error)), ""
    return f"scratchlab failed: {type(error).__name__}: {_line(str(error))}", "please report this"


def _line(text: str) -> str:
    return " ".join(text.split())
