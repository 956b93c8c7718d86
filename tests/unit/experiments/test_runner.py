"""The runner's own behaviour, on small experiments of the tests, without an engine."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import pytest
from docker.errors import APIError
from requests.exceptions import ConnectionError as ConnectionLost
from requests.exceptions import ReadTimeout

from scratchlab import deadlines
from scratchlab.errors import LabError
from scratchlab.experiments import runner
from scratchlab.experiments.table import Experiment, ExperimentOutcome, Explanation
from scratchlab.lab import session
from scratchlab.lab.session import Laboratory
from scratchlab.model import Check, Verdict
from scratchlab.remedy import advise

from .small import Engine, Make, Observation, bad, good


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


def test_value_requested_twice_at_once_is_made_once() -> None:
    lab = Laboratory(cast(Any, Engine()))
    made: list[int] = []

    def make() -> int:
        time.sleep(0.1)
        made.append(1)
        return len(made)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: lab.once("it", make), range(2))) == [1, 1]


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


@pytest.mark.usefixtures("one_at_a_time")
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


@pytest.mark.usefixtures("one_at_a_time")
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
