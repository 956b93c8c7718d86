"""Run the experiments, each as soon as it may, none after a prerequisite that failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib import import_module
from queue import SimpleQueue
from typing import Any, Protocol, cast

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException, Timeout

from scratchlab import codec, deadlines
from scratchlab.collect.engines.connection import ANSWER_SECONDS
from scratchlab.errors import LabError
from scratchlab.experiments.schedule import Act, next_act, plan
from scratchlab.experiments.table import (
    EXPERIMENTS,
    Experiment,
    ExperimentOutcome,
    check_of_outcome,
    check_of_verdict,
)
from scratchlab.lab.concurrency import call_beside, call_within
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
    type_command: Callable[[Check], None] | None = None,
) -> tuple[Check, ...]:
    """Run the experiments (see :func:`select`); return one check each, in the table's order.

    Each one begins as soon as nothing keeps it waiting and a place is free (see ``schedule``).
    ``progress`` is called before (with None) and after each one, in the caller's thread;
    ``type_command``, in another thread, with each check that was answered: that takes a place too.
    The observations stay in ``lab.observations``. If the engine stops answering, the experiments
    that run at that moment have the verdict ``error``, and nothing else begins. Raises LabError
    only for an unknown id.
    """
    chosen = select(only, table)
    lab.remove_leftovers()
    try:
        return _Run(lab, chosen, progress, type_command).checks()
    finally:
        lab.close()


class _Run:
    """One run, in one thread: what has ended, what runs, and why something is not run."""

    def __init__(
        self,
        lab: Laboratory,
        chosen: Sequence[Experiment],
        progress: Progress | None,
        type_command: Callable[[Check], None] | None,
    ) -> None:
        self._lab = lab
        self._chosen = {experiment.id: experiment for experiment in chosen}
        # Before any thread runs: two that import from one package can block each other (meanwhile).
        self._parts = {experiment.id: load_module(experiment) for experiment in chosen}
        self._progress = progress or (lambda _experiment, _check: None)
        self._type_command = type_command
        self._plan = plan(chosen, typed=type_command is not None)
        self._running: set[Act] = set()
        self._ended: set[Act] = set()
        self._results: SimpleQueue[tuple[Act, Check | BaseException | None]] = SimpleQueue()
        self._checks: dict[str, Check] = {}
        self._reasons: dict[str, str] = {}  # by id: why it, or what depends on it, is not run

    def checks(self) -> tuple[Check, ...]:
        """Do everything that is planned."""
        self._begin_all()
        while self._running:
            act, result = self._results.get()
            if isinstance(result, BaseException):
                raise result
            self._end(act, result)
            self._begin_all()
        return tuple(self._checks[name] for name in self._chosen)

    def _begin_all(self) -> None:
        """Begin what may run now."""
        while act := next_act(self._plan, self._ended, self._running, deadlines.PACE.at_once()):
            self._running.add(act)
            if act.typed:
                self._begin_command(act)
            else:
                self._begin_experiment(act)

    def _begin_experiment(self, act: Act) -> None:
        experiment = self._chosen[act.id]
        names = ("engine", *experiment.depends_on)
        blocked = next((self._reasons[name] for name in names if name in self._reasons), None)
        self._progress(experiment, None)
        if blocked:
            self._reasons[act.id] = blocked
            skipped = check_of_verdict(experiment, Verdict.SKIP, self._lab.names, observed=blocked)
            self._end(act, skipped)
        else:
            self._call(act, partial(_run_one, self._lab, experiment, self._parts[act.id]))

    def _begin_command(self, act: Act) -> None:
        # That of a check that was not run asks for what is not there.
        check = self._checks[act.id]
        unanswered = check.verdict in (Verdict.SKIP, Verdict.ERROR) or "engine" in self._reasons
        if self._type_command is None or unanswered:
            self._end(act, None)
        else:
            self._call(act, partial(self._type_command, check))

    def _call(self, act: Act, function: Callable[[], Check | None]) -> None:
        call_beside(function, lambda result: self._results.put((act, result)))

    def _end(self, act: Act, check: Check | None) -> None:
        """Note the end of ``act``, and what its check means for the others."""
        self._running.remove(act)
        self._ended.add(act)
        if check is None:
            return
        self._checks[act.id] = check
        if check.verdict in _STATES:
            why = f"not run: {act.id} {_STATES[check.verdict]}"
            self._reasons.setdefault(act.id, why)
        broken = check.verdict is Verdict.ERROR and "engine" not in self._reasons
        if broken and not _engine_answers(self._lab):
            self._reasons["engine"] = f"not run: the engine stopped answering in {act.id}"
        self._progress(self._chosen[act.id], check)


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


def _run_one(lab: Laboratory, experiment: Experiment, part: ExperimentModule) -> Check:
    """The check of ``experiment``, whose file is ``part``."""
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
