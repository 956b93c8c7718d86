"""What runs at the same time as what, and how a run ends, without an engine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from requests.exceptions import ConnectionError as ConnectionLost

from scratchlab import deadlines
from scratchlab.experiments import runner
from scratchlab.experiments.table import Experiment
from scratchlab.lab.session import Laboratory
from scratchlab.model import Check, Verdict

from .small import Engine, Make, Observation, bad, good

SECONDS = 20.0  # until a test gives up


@pytest.fixture(autouse=True)
def three_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of two cores, whatever machine runs the tests."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


class Events:
    """What happened, in this order; several threads write it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def probe(self, name: str, then: Callable[[], object] = bool) -> Callable[[Any], Observation]:
        """A probe that notes its begin and its end, and calls ``then`` between them."""

        def probe(_: Any) -> Observation:
            self.seen.append(f"{name} begins")
            then()
            self.seen.append(f"{name} ends")
            return Observation()

        return probe

    def type_command(self, check: Check) -> None:
        """In place of a shell."""
        self.seen.append(f"{check.id} is typed")

    def before(self, first: str, second: str) -> bool:
        return self.seen.index(first) < self.seen.index(second)


class ClosedLab(Laboratory):
    """A laboratory that notes that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


def laboratory(alive: bool = True) -> ClosedLab:
    return ClosedLab(cast(Any, Engine(alive)))


def verdicts(*table: Experiment, lab: Laboratory | None = None, **options: Any) -> list[str]:
    patient = [replace(one, timeout=SECONDS) for one in table]
    return [
        str(check.verdict)
        for check in runner.run(lab or laboratory(), (), None, patient, **options)
    ]


def test_experiments_that_wait_for_nothing_run_at_the_same_time(make: Make) -> None:
    barrier = threading.Barrier(3, timeout=SECONDS)
    three = [make(f"T{n}", Events().probe("", barrier.wait)) for n in (1, 2, 3)]
    assert verdicts(*three) == ["pass"] * 3


def test_no_more_run_than_there_are_places(make: Make) -> None:
    free, most = threading.Semaphore(3), []

    def counted() -> None:
        most.append(free.acquire(blocking=False))
        threading.Event().wait(0.02)
        free.release()

    assert verdicts(*[make(f"T{n}", Events().probe("", counted)) for n in range(9)])
    assert all(most)


def test_an_experiment_begins_once_its_prerequisite_has_passed(make: Make) -> None:
    events = Events()
    table = (make("T1", events.probe("T1")), make("T2", events.probe("T2"), "T1"))
    assert verdicts(*table) == ["pass", "pass"]
    assert events.before("T1 ends", "T2 begins")


def test_an_experiment_that_comes_after_another_runs_whatever_that_ones_outcome(
    make: Make,
) -> None:
    second = replace(make("T2", good), after={"T1": "Because."})
    assert verdicts(make("T1", bad), second) == ["fail", "pass"]


def test_an_experiment_begins_once_the_command_that_disturbs_it_has_ended(make: Make) -> None:
    events, other_ran = Events(), threading.Event()

    def type_command(check: Check) -> None:
        if check.id == "T1":
            assert other_ran.wait(SECONDS)
            events.seen.append("T1 was typed")

    table = (
        make("T1", good),
        replace(make("T2", events.probe("T2")), after_command={"T1": "Because."}),
        make("T3", events.probe("T3", other_ran.set)),  # runs beside the command
    )
    assert verdicts(*table, type_command=type_command) == ["pass"] * 3
    assert events.before("T3 begins", "T1 was typed")
    assert events.before("T1 was typed", "T2 begins")


def test_a_command_takes_a_place(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines.Pace, "at_once", lambda _: 2)
    running, together = {"": 1}, []

    def act(*_: object) -> None:
        running[""] += 1
        together.append(running[""])
        threading.Event().wait(0.02)
        running[""] -= 1

    table = [make(f"T{n}", Events().probe("", act)) for n in range(4)]
    assert verdicts(*table, type_command=act) == ["pass"] * 4
    assert len(together) == 8
    assert max(together) <= 3


def test_the_commands_of_answered_checks_are_typed_and_no_others(make: Make) -> None:
    def broken(_: Any) -> Observation:
        raise OSError(5, "no")

    events = Events()
    table = (make("T1", good), make("T2", bad), make("T3", broken), make("T4", good, "T2"))
    verdicts(*table, type_command=events.type_command)
    assert sorted(events.seen) == ["T1 is typed", "T2 is typed"]


def test_on_one_core_everything_runs_alone_in_the_tables_order(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    events = Events()
    table = [make(name, events.probe(name)) for name in ("T1", "T2", "T3")]
    verdicts(*table, type_command=events.type_command)
    each = ("begins", "ends", "is typed")
    assert events.seen == [f"T{n} {what}" for n in (1, 2, 3) for what in each]


def test_once_the_machine_has_shown_to_be_slow_everything_runs_alone(make: Make) -> None:
    events = Events()
    slow = make("T1", events.probe("T1", lambda: deadlines.PACE.note_start(60.0)))
    rest = [make(name, events.probe(name), "T1") for name in ("T2", "T3")]
    verdicts(slow, *rest, type_command=events.type_command)
    assert events.seen[2:] == [
        "T1 is typed",
        *["T2 begins", "T2 ends", "T2 is typed", "T3 begins", "T3 ends", "T3 is typed"],
    ]


def test_progress_is_called_before_and_after_each_in_the_callers_thread(make: Make) -> None:
    calls: list[tuple[str, Verdict | None, bool]] = []
    here = threading.current_thread()

    def progress(experiment: Experiment, check: Check | None) -> None:
        mine = threading.current_thread() is here
        calls.append((experiment.id, check.verdict if check else None, mine))

    table = (make("T1", bad), make("T2", good, "T1"))
    checks = runner.run(laboratory(), progress=progress, table=table)
    assert calls == [
        *[("T1", None, True), ("T1", Verdict.FAIL, True)],
        *[("T2", None, True), ("T2", Verdict.SKIP, True)],
    ]
    assert [check.id for check in checks] == ["T1", "T2"]


def test_checks_are_in_the_tables_order_whichever_ended_first(make: Make) -> None:
    second = threading.Event()
    table = (
        make("T1", Events().probe("", lambda: second.wait(SECONDS))),
        make("T2", Events().probe("", second.set)),
    )
    assert [check.id for check in runner.run(laboratory(), table=table)] == ["T1", "T2"]


def test_engine_that_dies_is_an_error_of_what_runs_and_nothing_else_begins(make: Make) -> None:
    barrier = threading.Barrier(2, timeout=SECONDS)

    def lost(_: Any) -> Observation:
        barrier.wait()
        raise ConnectionLost("gone")

    events = Events()
    table = [replace(make(name, lost), timeout=SECONDS) for name in ("T1", "T2")]
    table += [make("T3", good, "T1"), replace(make("T4", good), after={"T2": "Because."})]
    lab = laboratory(alive=False)
    checks = runner.run(lab, table=table, type_command=events.type_command)
    assert [check.verdict for check in checks] == ["error", "error", "skip", "skip"]
    died = "not run: the engine stopped answering in T"
    assert all(check.observed.startswith(died) for check in checks[2:])
    assert lab.closed
    assert events.seen == []


def test_once_the_engine_has_died_no_command_is_typed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines.Pace, "at_once", lambda _: 2)
    events, asked = Events(), threading.Event()

    class Dead(Engine):
        def ping(self) -> bool:
            asked.set()
            raise ConnectionLost("gone")

    def lost(_: Any) -> Observation:
        raise ConnectionLost("gone")

    table = (
        make("T0", Events().probe("", lambda: asked.wait(SECONDS))),  # takes the other place
        make("T1", good),
        make("T2", lost, "T1"),  # begins before the command of T1: T3 waits for it
        make("T3", good, "T2"),
    )
    lab = Laboratory(cast(Any, Dead()))
    found = verdicts(*table, lab=lab, type_command=events.type_command)
    assert found[1:] == ["pass", "error", "skip"]
    assert "T1 is typed" not in events.seen


@pytest.mark.parametrize("raised", [KeyboardInterrupt, ValueError])
def test_what_progress_raises_ends_the_run_and_closes_the_laboratory(
    raised: type[BaseException], make: Make
) -> None:
    hangs = threading.Event()

    def progress(experiment: Experiment, _: Check | None) -> None:
        if experiment.id == "T1":
            raise raised

    lab = laboratory()
    table = [make("T1", good), replace(make("T2", Events().probe("", hangs.wait)), timeout=SECONDS)]
    with pytest.raises(raised):
        runner.run(lab, progress=progress, table=table)
    hangs.set()
    assert lab.closed


def test_what_the_typing_raises_ends_the_run_and_closes_the_laboratory(make: Make) -> None:
    def type_command(_: Check) -> None:
        raise OSError(2, "no shell")

    lab = laboratory()
    with pytest.raises(OSError, match="no shell"):
        verdicts(make("T1", good), make("T2", good), lab=lab, type_command=type_command)
    assert lab.closed
