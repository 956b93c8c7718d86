"""Run the experiments in order, some side by side, none after a prerequisite that failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import groupby
from typing import Any, Protocol, cast

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException, Timeout

from scratchlab import codec, deadlines
from scratchlab.collect.engines.connection import ANSWER_SECONDS
from scratchlab.errors import LabError
from scratchlab.experiments.table import (
    EXPERIMENTS,
    Experiment,
    ExperimentOutcome,
    check_of_outcome,
    check_of_verdict,
)
from scratchlab.lab.concurrency import call_side_by_side, call_within
from scratchlab.lab.session import Laboratory
from scratchlab.labels import Names
from scratchlab.model import Check, Json, Verdict
from scratchlab.remedy import Command, Remedy, Step, advise, lab

Progress = Callable[[Experiment, Check | None], None]
_PING_SECONDS = 5.0
_STATES = {
    Verdict.FAIL: "failed",
    Verdict.ERROR: "could not be answered",
    Verdict.SKIP: "was skipped",
}
_START_ENGINE = Remedy(
    (
        Step("start the engine; this has to answer", (Command("docker info"),)),
        Step("then run the experiments again", lab("--tags verify,report")),
    )
)


class ExperimentModule(Protocol):
    """What the file of an experiment provides."""

    Observation: type[Any]  # frozen dataclass of plain fields

    def probe(self, lab: Laboratory) -> Any:
        """Observe; judge nothing. Raises LabError if it cannot observe."""

    def judge(self, observation: Any) -> ExperimentOutcome:
        """Decide; observe nothing."""


def load_module(experiment: Experiment) -> ExperimentModule:
    """Import the file that probes and judges ``experiment``."""
    return cast(ExperimentModule, import_module(f"{__package__}.{experiment.module}"))


def select(
    only: Collection[str] = (), table: Sequence[Experiment] = EXPERIMENTS
) -> tuple[Experiment, ...]:
    """The experiments with these ids and their prerequisites, in the table's order; () means all.

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
    known: Callable[[Check], None] | None = None,
) -> tuple[Check, ...]:
    """Run the experiments (see :func:`select`); return one check each, in the table's order.

    ``progress`` is called before (with None) and after each one, in order; ``known`` with a check
    as soon as there is one, in any thread, while those beside it still run. The observations stay
    in ``lab.observations``. If the engine stops answering, the experiments that run at that moment
    have the verdict ``error`` and the rest is not run. Raises LabError only for an unknown id.
    """
    reasons: dict[str, str] = {}  # by id: why it, or what depends on it, is not run
    checks: list[Check] = []
    chosen = select(only, table)
    lab.remove_leftovers()
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
                acts.append(partial(_run_and_tell, lab, experiment, blocked, known))
            checked = call_side_by_side(acts, deadlines.PACE.at_once())
            for experiment, done in zip(group, checked, strict=True):
                if done.verdict in _STATES:
                    why = f"not run: {experiment.id} {_STATES[done.verdict]}"
                    reasons.setdefault(experiment.id, why)
                broken = done.verdict is Verdict.ERROR and "engine" not in reasons
                if broken and not _engine_answers(lab):
                    reasons["engine"] = f"not run: the engine stopped answering in {experiment.id}"
                if progress:
                    progress(experiment, done)
                checks.append(done)
    finally:
        lab.close()
    return tuple(checks)


def _groups(chosen: Sequence[Experiment]) -> Iterator[list[Experiment]]:
    """The experiments in order, grouped by what runs side by side: as far as the cores carry it."""
    for together, neighbours in groupby(chosen, lambda experiment: experiment.side_by_side):
        experiments = list(neighbours)
        if together and deadlines.PACE.at_once() > 1:
            yield experiments
        else:
            yield from ([experiment] for experiment in experiments)


def judge_again(observations: Mapping[str, Json], names: Names | None = None) -> tuple[Check, ...]:
    """The checks of saved observations (JSON by experiment id), without an engine.

    Raises codec.MismatchError for JSON that is not an observation.
    """
    checks = []
    for experiment in EXPERIMENTS:
        if experiment.id in observations:
            part = load_module(experiment)
            observation = codec.decode(part.Observation, observations[experiment.id])
            outcome = part.judge(observation)
            checks.append(check_of_outcome(experiment, outcome, names or Names()))
    return tuple(checks)


def _run_and_tell(
    lab: Laboratory,
    experiment: Experiment,
    blocked: str | None,
    known: Callable[[Check], None] | None,
) -> Check:
    check = _run_one(lab, experiment, blocked)
    if known:
        known(check)
    return check


def _run_one(lab: Laboratory, experiment: Experiment, blocked: str | None) -> Check:
    """Its check. ``blocked`` is the reason not to run it, if any. Raises nothing."""
    if blocked:
        return check_of_verdict(experiment, Verdict.SKIP, lab.names, observed=blocked)
    part = load_module(experiment)
    try:
        observation = call_within(lambda: part.probe(lab), experiment.timeout)
        lab.observations[experiment.id] = observation
        return check_of_outcome(experiment, part.judge(observation), lab.names)
    except Exception as raised:  # every error becomes one line of the report
        error = raised
        if isinstance(raised, Timeout):
            error = deadlines.LateError(
                "the engine did not answer", deadlines.allowed(ANSWER_SECONDS)
            )
        what, advice = _describe(error)
        if isinstance(error, deadlines.LateError) and not _engine_answers(lab):
            what, advice = (
                f"the engine stopped answering ({what.partition('; ')[0]})",
                _START_ENGINE,
            )
        return check_of_verdict(experiment, Verdict.ERROR, lab.names, observed=what, advice=advice)


def _engine_answers(lab: Laboratory) -> bool:
    try:
        return bool(call_within(lab.engine.client.ping, _PING_SECONDS))
    except Exception:  # whatever was raised, there was no answer
        return False


def _describe(error: Exception) -> tuple[str, Remedy]:
    """What happened, and the remedy: one line each."""
    if isinstance(error, LabError):
        return _one_line(error.what), error.advice.filled(_one_line)
    if isinstance(error, APIError):
        return f"the engine reported: {_one_line(str(error.explanation or error))}", Remedy()
    if isinstance(error, DockerException | RequestException):
        return f"the engine stopped answering ({_one_line(str(error))})", _START_ENGINE
    if isinstance(error, OSError):
        return _one_line(str(error)), Remedy()
    what = f"scratchlab failed: {type(error).__name__}: {_one_line(str(error))}"
    return what, advise("please report this")


def _one_line(text: str) -> str:
    return " ".join(text.split())
