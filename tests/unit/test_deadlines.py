"""Time limits follow what the machine has shown, and what the user asked for."""

from __future__ import annotations

import os
import time

import pytest

from scratchlab import deadlines
from scratchlab.cli.commands import scratchlab
from scratchlab.deadlines import Deadline, LateError, Pace
from scratchlab.lab.concurrency import call_within


@pytest.mark.parametrize(
    ("starts", "patience", "limit"),
    [([], 1, 10), ([0.1], 1, 10), ([5.0, 0.2], 1, 100), ([], 4, 40), ([1.0], 4, 80)],
    ids=["nothing seen", "fast", "slowest counts", "asked for", "both"],
)
def test_limit_follows_the_slowest_start_and_the_users_patience(
    starts: list[float], patience: int, limit: float
) -> None:
    pace = Pace(patience)
    for seconds in starts:
        pace.note_start(seconds)
    assert pace.allowed(10) == pytest.approx(limit)


def test_start_that_was_stuck_does_not_stop_the_program_for_hours() -> None:
    pace = Pace()
    pace.note_start(3600)
    assert pace.allowed(240) == 3600


def test_slow_machine_does_one_thing_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    pace = Pace()
    places = []
    for seconds in (7.0, 0.6, 7.0, 7.0, 1.0):  # those of 7 beside others
        pace.note_start(seconds)
        places.append(pace.at_once())
    assert places == [1, 3, 3, 3, 1]


def test_one_core_does_one_thing_at_a_time() -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert Pace().at_once() == 1
    finally:
        os.sched_setaffinity(0, cores)


def test_limit_grows_while_it_runs() -> None:
    def slow() -> str:
        time.sleep(0.1)
        deadlines.PACE.note_start(5.0)
        time.sleep(0.3)
        return "done"

    assert call_within(slow, 0.2) == "done"


def test_late_answer_says_that_the_machine_is_slow_and_how_to_wait_longer() -> None:
    with pytest.raises(LateError) as late:
        call_within(lambda: time.sleep(5), 0.1)
    assert late.value.what == "no answer within 0.1 s; this machine is slow or busy"
    assert late.value.remedy == (
        "give it longer: ./lab -e lab_patience=4; or: scratchlab --patience 4"
    )
    deadlines.PACE.note_start(6.25)
    deadlines.PACE.patience = 3
    error = Deadline(10).late("no answer")
    assert error.what == (
        "no answer within 375 s; this machine is slow: a container took up to 6.2 s to start"
        " (0.5 s is usual)"
    )
    assert "--patience 12" in error.remedy


@pytest.mark.parametrize(
    ("arguments", "variable", "patience"),
    [([], "", 1), ([], "5", 5), (["--patience", "7"], "5", 7)],
)
def test_patience_is_an_option_and_a_variable(
    arguments: list[str], variable: str, patience: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(deadlines.VARIABLE, variable)
    with scratchlab.make_context("scratchlab", [*arguments, "image", "--help"]) as context:
        pass
    with context, pytest.raises(Exception, match="0"):  # the end of --help
        scratchlab.invoke(context)
    assert deadlines.PACE.patience == patience
