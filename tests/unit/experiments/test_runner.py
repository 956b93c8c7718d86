"""The runner's own behaviour, on small experiments of the tests, without an engine."""

from __future__ import annotations

import sys
import threading
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from docker.errors import APIError
from requests.exceptions import ConnectionError as ConnectionLost
from requests.exceptions import ReadTimeout

from scratchlab import deadlines
from scratchlab.errors import LabError
from scratchlab.experiments import runner
from scratchlab.experiments.table import EXPERIMENTS, Experiment, ExperimentOutcome, Explanation
from scratchlab.lab import session
from scratchlab.lab.concurrency import call_side_by_side
from scratchlab.lab.session import Laboratory
from scratchlab.model import Check, Verdict
from scratchlab.remedy import advise


@dataclass(frozen=True)
class Observation:
    """The observation of a test's probe."""

    good: bool = True


class Engine:
    """In place of an engine: it answers a ping or not, which a real engine cannot do on demand."""

    def __init__(self, alive: bool = True) -> None:
        self.alive = alive
        self.client = self
        self.api = None

    def ping(self) -> bool:
        if not self.alive:
            raise ConnectionLost("gone")
        return True


Make = Callable[..., Experiment]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """``make("T1", probe, "T0")``: an experiment with this probe that depends on T0."""

    def experiment(name: str, probe: Callable[[Any], Observation], *needs: str) -> Experiment:
        part = types.ModuleType(f"scratchlab.experiments.{name}")
        part.Observation = Observation  # type: ignore[attr-defined]
        part.probe = probe  # type: ignore[attr-defined]
        part.judge = lambda found: ExperimentOutcome("seen", None if found.good else "bad")  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, part.__name__, part)
        return Experiment(
            id=name,
            module=name,
            title=name,
            claim=name,
            command=name,
            article=name,
            expected=name,
            timeout=0.3,
            depends_on=needs,
            fault={"bad": Explanation("c.", advise("h"))},
        )

    return experiment


def good(_: Any) -> Observation:
    return Observation()


def bad(_: Any) -> Observation:
    return Observation(good=False)


def together(barrier: threading.Barrier) -> Callable[[Any], Observation]:
    """A probe that continues only once as many probes run as the barrier counts."""

    def probe(_: Any) -> Observation:
        barrier.wait(0.2)
        return Observation()

    return probe


def run(
    *table: Experiment, engine: Engine | None = None, only: tuple[str, ...] = ()
) -> dict[str, Check]:
    lab = Laboratory(cast(Any, engine or Engine()))
    return {check.id: check for check in runner.run(lab, only, table=table)}


def test_experiment_that_depends_on_a_failure_is_not_run(make: Make) -> None:
    def never(_: Any) -> Observation:
        raise AssertionError("it was run")

    checks = run(
        make("T1", bad), make("T2", never, "T1"), make("T3", never, "T2"), make("T4", good)
    )
    assert [c.verdict for c in checks.values()] == ["fail", "skip", "skip", "pass"]
    assert checks["T2"].observed == checks["T3"].observed == "not run: T1 failed"


def test_neighbours_with_the_mark_run_side_by_side(make: Make) -> None:
    barrier = threading.Barrier(2)
    pair = [replace(make(name, together(barrier)), side_by_side=1) for name in ("T2", "T3")]
    events: list[str] = []
    lab = Laboratory(cast(Any, Engine()))

    def progress(experiment: Experiment, check: Check | None) -> None:
        events.append(f"{experiment.id} {check.verdict if check else 'runs'}")

    runner.run(lab, progress=progress, table=[make("T1", good), *pair, make("T4", good)])
    pair_events = ["T2 runs", "T3 runs", "T2 pass", "T3 pass"]
    assert events == ["T1 runs", "T1 pass", *pair_events, "T4 runs", "T4 pass"]


def test_a_check_is_told_while_its_neighbour_still_runs(make: Make) -> None:
    told = threading.Event()

    def waits(_: Any) -> Observation:
        assert told.wait(5)
        return Observation()

    pair = [
        replace(make(name, probe), side_by_side=1, timeout=10)
        for name, probe in (("T1", waits), ("T2", good))
    ]
    known: list[str] = []

    def tell(check: Check) -> None:
        known.append(check.id)
        told.set()

    checks = runner.run(Laboratory(cast(Any, Engine())), table=pair, known=tell)
    assert [check.verdict for check in checks] == ["pass", "pass"]
    assert known == ["T2", "T1"]


def test_neighbours_without_the_mark_run_one_by_one(make: Make) -> None:
    barrier = threading.Barrier(2)
    checks = run(make("T1", together(barrier)), make("T2", together(barrier)))
    assert [c.verdict for c in checks.values()] == ["error", "error"]
    assert "BrokenBarrierError" in checks["T1"].observed


def test_engine_that_dies_is_an_error_of_all_running_experiments(make: Make) -> None:
    def lost(_: Any) -> Observation:
        raise ConnectionLost("gone")

    pair = [replace(make(name, lost), side_by_side=1) for name in ("T1", "T2")]
    checks = run(*pair, make("T3", good), engine=Engine(alive=False))
    assert [c.verdict for c in checks.values()] == ["error", "error", "skip"]
    assert checks["T3"].observed == "not run: the engine stopped answering in T1"


def test_neighbours_with_another_number_run_one_by_one(make: Make) -> None:
    barrier = threading.Barrier(2)
    pair = [replace(make(f"T{n}", together(barrier)), side_by_side=n) for n in (1, 2)]
    assert [check.verdict for check in run(*pair).values()] == ["error", "error"]


def test_no_experiment_runs_beside_its_prerequisite() -> None:
    beside = {experiment.id for experiment in EXPERIMENTS if experiment.side_by_side}
    assert len(beside) > 1
    assert not beside & {name for experiment in EXPERIMENTS for name in experiment.depends_on}


def test_value_requested_twice_at_once_is_made_once() -> None:
    lab = Laboratory(cast(Any, Engine()))
    made: list[int] = []

    def make() -> int:
        time.sleep(0.1)
        made.append(1)
        return len(made)

    acts = [lambda: lab.once("it", make)] * 2
    assert list(call_side_by_side(acts, 2)) == [1, 1]


def test_experiment_that_depends_on_a_skipped_one_is_not_run(make: Make) -> None:
    cannot = replace(
        make("T1", good), skip={"why": Explanation("No such thing here.", advise("h"))}
    )
    module: Any = sys.modules["scratchlab.experiments.T1"]
    module.judge = lambda _: ExperimentOutcome("nothing", skip="why")
    checks = run(cannot, make("T2", good, "T1"), make("T3", good))
    assert [c.verdict for c in checks.values()] == ["skip", "skip", "pass"]
    assert (checks["T1"].observed, checks["T1"].cause) == ("nothing", "No such thing here.")
    assert checks["T2"].observed == "not run: T1 was skipped"


@pytest.mark.parametrize(
    ("error", "observed", "remedy"),
    [
        (LabError("no permission", "use sudo"), "no permission", "use sudo"),
        (APIError("x", explanation="no such\nthing"), "the engine reported: no such thing", ""),
        (
            ConnectionLost("Connection aborted."),
            "the engine stopped answering (Connection",
            "start",
        ),
        (
            FileNotFoundError(2, "No such file", "/proc/7/exe"),
            "[Errno 2] No such file: '/proc/7",
            "",
        ),
        (KeyError("Pid"), "scratchlab failed: KeyError: 'Pid'", "report"),
    ],
)
def test_error_is_one_line_without_a_traceback(
    make: Make, error: Exception, observed: str, remedy: str
) -> None:
    def broken(_: Any) -> Observation:
        raise error

    checks = run(make("T1", broken), make("T2", good, "T1"), make("T3", good))
    assert checks["T1"].verdict is Verdict.ERROR
    assert checks["T1"].observed.startswith(observed)
    assert "\n" not in checks["T1"].observed
    assert remedy in checks["T1"].help
    assert checks["T2"].observed == "not run: T1 could not be answered"
    assert checks["T3"].verdict is Verdict.PASS


def test_dead_engine_gets_no_further_requests(make: Make) -> None:
    engine = Engine()

    def dying(_: Any) -> Observation:
        engine.alive = False
        raise ConnectionLost("Connection aborted.")

    checks = run(make("T1", good), make("T2", dying), make("T3", good), engine=engine)
    assert [c.verdict for c in checks.values()] == ["pass", "error", "skip"]
    assert checks["T3"].observed == "not run: the engine stopped answering in T2"


def test_hanging_probe_ends_after_its_timeout(make: Make) -> None:
    def hangs(_: Any) -> Observation:
        time.sleep(30)
        return Observation()

    start = time.monotonic()
    checks = run(make("T1", hangs), make("T2", good))
    assert time.monotonic() - start < 5
    assert checks["T1"].verdict is Verdict.ERROR
    assert checks["T1"].observed == "no answer within 0.3 s; this machine is slow or busy"
    assert "--patience" in checks["T1"].help
    assert checks["T2"].verdict is Verdict.PASS


def test_hanging_engine_is_named_and_not_the_machine(make: Make) -> None:
    engine = Engine()

    def hangs(_: Any) -> Observation:
        engine.alive = False
        time.sleep(30)
        return Observation()

    checks = run(make("T1", hangs), make("T2", good), engine=engine)
    assert checks["T1"].observed == "the engine stopped answering (no answer within 0.3 s)"
    assert "start the engine" in checks["T1"].help
    assert checks["T2"].observed == "not run: the engine stopped answering in T1"


def test_request_that_is_not_answered_in_time_says_that_the_machine_is_slow(make: Make) -> None:
    def late(_: Any) -> Observation:
        raise ReadTimeout("read timeout=60")

    checks = run(make("T1", late))
    assert checks["T1"].observed == (
        "the engine did not answer within 60 s; this machine is slow or busy"
    )
    assert "--patience" in checks["T1"].help


def test_on_a_slow_machine_nothing_runs_side_by_side(make: Make) -> None:
    deadlines.PACE.note_start(2.0)
    running: list[str] = []

    def alone(_: Any) -> Observation:
        running.append("")
        time.sleep(0.05)
        return Observation(good=len(running) == 1 and running.pop() == "")

    pair = [replace(make(name, alone), side_by_side=1) for name in ("T1", "T2")]
    assert [check.verdict for check in run(*pair).values()] == ["pass", "pass"]


class Starting:
    """In place of a container whose engine answers these errors, one a try, before it starts it."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.attached = 0

    def attach(self, **_: Any) -> list[bytes]:
        self.attached += 1
        return [b"ready\n"]

    def start(self) -> None:
        if self.answers:
            raise APIError("x", explanation=self.answers.pop(0))


STOPPED = "cannot start a stopped process: unknown"


def test_answer_that_passes_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_PAUSES", (0.0, 0.0))
    container = Starting(STOPPED, "failed to create task: ttrpc: closed: unknown")
    output = Laboratory(cast(Any, Engine())).start(cast(Any, container), attach=True)
    assert (list(output), container.attached) == ([b"ready\n"], 3)


def test_answer_that_does_not_pass_says_that_the_machine_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "_PAUSES", (0.0, 0.0))
    lab = Laboratory(cast(Any, Engine()))
    with pytest.raises(deadlines.LateError, match=rf"\({STOPPED}\).*this machine is slow"):
        lab.start(cast(Any, Starting(*[STOPPED] * 9)))


def test_refusal_is_not_asked_for_again() -> None:
    container = Starting("OCI runtime create failed: exec: no such file: unknown", STOPPED)
    with pytest.raises(APIError, match="no such file"):
        Laboratory(cast(Any, Engine())).start(cast(Any, container))
    assert container.answers == [STOPPED]


def test_only_the_named_experiments_and_their_prerequisites_run(make: Make) -> None:
    table = (make("T1", good), make("T2", good, "T1"), make("T3", good))
    assert list(run(*table, only=("T2",))) == ["T1", "T2"]


def test_progress_is_called_before_and_after_each(make: Make) -> None:
    calls: list[tuple[str, Verdict | None]] = []
    runner.run(
        Laboratory(cast(Any, Engine())),
        progress=lambda e, c: calls.append((e.id, c.verdict if c else None)),
        table=(make("T1", bad), make("T2", good, "T1")),
    )
    assert calls == [("T1", None), ("T1", "fail"), ("T2", None), ("T2", "skip")]


def test_value_that_cannot_be_read_is_read_once_and_its_error_kept() -> None:
    lab = Laboratory(cast(Any, Engine()))
    calls = []

    def fails() -> int:
        calls.append(1)
        raise LabError("damaged")

    for _ in range(2):
        with pytest.raises(LabError, match="damaged"):
            lab.once("key", fails)
    assert len(calls) == 1
