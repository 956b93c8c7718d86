"""Who needs somebody: by the machine's clock, in the order of need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from scratchlab.classroom.live import Answer, Limits, Machine, Need, Row, SeenFile, rows_of
from scratchlab.classroom.status import HelpCall, Status
from scratchlab.render.live_words import duration, sentence, words_of
from scratchlab.render.terminal.live import live_table, log_line

NOW = 1000.0  # of this machine's monotonic clock
CLOCK = 2_000_000_000  # of the learners' machines, far from this machine's
WORKING = Status("anna", "build", "Build it", 3, 16, 2, 0, 20, 194, since=CLOCK - 60)
LIMITS = Limits(stuck=900, idle=600)


def machine(name: str, status: Status | None = WORKING, idle: int = 5, age: float = 0) -> Machine:
    answer = Answer(NOW - age, CLOCK, (SeenFile(CLOCK - idle, status, "" if status else "bad"),))
    return Machine(name, answer)


def rows(*machines: Machine) -> tuple[Row, ...]:
    return rows_of(machines, NOW, LIMITS, {"desk01": "Anna"})


def test_rows_are_in_the_order_of_need_and_the_longest_wait_comes_first() -> None:
    helped = replace(WORKING, help=HelpCall(CLOCK - 30, "why?"))
    found = rows(
        machine("works"),
        machine("finished", replace(WORKING, ended=16)),
        Machine("empty", Answer(NOW, CLOCK, ())),
        Machine("connecting"),
        machine("damaged", None),
        machine("idle", idle=700),
        machine("stuck", replace(WORKING, since=CLOCK - 1000)),
        replace(machine("gone"), gone=NOW - 4, reason="no route"),
        machine("asked", helped),
        machine("asked-first", replace(WORKING, help=HelpCall(CLOCK - 90))),
    )
    assert [row.machine for row in found] == [
        "asked-first", "asked", "gone", "stuck", "idle", "damaged", "connecting", "empty", "works",
        "finished",
    ]  # fmt: skip
    assert [row.need for row in found] == [
        Need.HELP, Need.HELP, Need.GONE, Need.STUCK, Need.IDLE, Need.DAMAGED, Need.CONNECTING,
        Need.ABSENT, Need.WORKING, Need.FINISHED,
    ]  # fmt: skip
    assert found[0].waiting == 90
    assert sentence(found).startswith("6 of 10 need somebody (2 asked for help, 1 machine gone, ")


def test_durations_are_by_the_machines_clock_and_go_on_between_looks() -> None:
    (row,) = rows(machine("desk01", age=7))
    assert (row.student, row.idle, row.stuck) == ("Anna", 12, 67)


def test_a_time_that_is_still_to_come_is_now() -> None:
    (row,) = rows(machine("x", replace(WORKING, since=CLOCK + 500), idle=-500))
    assert (row.idle, row.stuck) == (0, 0)


def test_a_machine_that_is_gone_keeps_its_call_for_help_and_what_was_known() -> None:
    status = replace(WORKING, help=HelpCall(CLOCK - 30, "why?"))
    (row,) = rows(replace(machine("x", status), gone=NOW - 4, reason="no route"))
    assert (row.need, row.gone, row.asked) == (Need.HELP, 4, 30)
    assert words_of(row).message == "why?; machine gone: no route"


def test_several_accounts_of_a_machine_are_several_rows() -> None:
    files = (SeenFile(CLOCK, WORKING), SeenFile(CLOCK, replace(WORKING, user="berta")))
    found = rows(Machine("desk01", Answer(NOW, CLOCK, files)))
    assert [row.student for row in found] == ["anna", "berta"]


def test_one_who_is_idle_is_not_called_stuck_and_one_who_has_finished_is_neither() -> None:
    old = replace(WORKING, since=CLOCK - 5000)
    assert rows(machine("x", old, idle=5000))[0].need is Need.IDLE
    assert rows(machine("x", replace(old, ended=16), idle=5000))[0].need is Need.FINISHED


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (3900, "1 h 5 min"), (2e5, "2 days")],
)
def test_durations_in_words(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize("width", [40, 80, 132])
def test_each_row_is_one_line_and_what_does_not_fit_is_counted(width: int) -> None:
    status = replace(WORKING, help=HelpCall(CLOCK, "long words " * 30))
    found = rows(*(machine(f"desk{number:02}", status) for number in range(30)))
    screen = Console(width=width, height=12)
    with screen.capture() as captured:
        screen.print(live_table(found, "12:00:00", width, 12))
    lines = captured.get().rstrip("\n").split("\n")
    assert len([text for text in lines if text.startswith("desk")]) == 8
    assert any("22 more" in text for text in lines)


def test_a_line_of_a_log_says_what_happened() -> None:
    (row,) = rows(machine("desk01"))
    expected = "12:00 desk01 Anna: working, 3 of 16 Build it, 20 of 194"
    assert log_line(row, "12:00") == expected
