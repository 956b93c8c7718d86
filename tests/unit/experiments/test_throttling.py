"""How long E13 watches a program that uses more of a CPU than its limit."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scratchlab.experiments import e13_control_groups as e13
from scratchlab.experiments.e13_limit_files import Files

NONE: Files = (("cpu.stat", "nr_periods 0\nnr_throttled 0"), ("cpuacct.usage", "0"))


def counters(throttled: int, used: float) -> Files:
    """The counters of a group of cgroup v1 that used the CPUs for ``used`` seconds."""
    stat = f"nr_periods {throttled}\nnr_throttled {throttled}"
    return (("cpu.stat", stat), ("cpuacct.usage", str(round(used * 1e9))))


class Clock:
    """Time that passes only while somebody waits, or reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds


def watched(clock: Clock, reading: float, readings: Any) -> tuple[Files, bool, list[str]]:
    """What is found, with readings of so many seconds, and what the engine was asked."""
    asked: list[str] = []

    def count(_: Any) -> Files:
        clock.wait(reading)
        return cast("Files", readings(clock.now))

    def lower() -> bool:
        asked.append("lower")
        return True

    container: Any = SimpleNamespace(_count=count, _lower=lower)
    groups: Any = None
    found = e13._TrialContainer._wait_until_throttled(container, groups, NONE, 0.0)
    return *found, asked


def test_what_a_program_uses_at_first_is_not_taken_for_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    after, lowered, asked = watched(
        clock, 0.01, lambda now: counters(int(now * 10), 0.06 + 0.1 * now)
    )
    assert (lowered, asked) == (False, [])
    assert e13._share(NONE, after, clock.now) <= 0.2
    assert 0.6 < clock.now < 0.8


def test_share_is_that_of_the_time_in_which_both_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    after, *_ = watched(clock, 3.0, lambda now: counters(int(now * 10), 0.1 * now))
    assert clock.now == pytest.approx(3.1)
    assert e13._share(NONE, after, clock.now) == pytest.approx(0.1)


def test_program_without_a_limit_is_watched_for_a_limited_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    after, lowered, asked = watched(clock, 0.01, lambda now: counters(9, 2 * now))
    assert (lowered, asked) == (False, [])
    assert not e13._within(e13._share(NONE, after, clock.now))
    assert 8 <= clock.now < 9


def test_limit_is_lowered_once_where_it_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    after, lowered, asked = watched(
        clock, 0.01, lambda now: counters(max(0, int(now * 10) - 60), 0.05 * now)
    )
    assert (lowered, asked) == (True, ["lower"])
    assert dict(after)["cpu.stat"].endswith("nr_throttled 3")


def test_group_that_was_removed_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    gone = (("cpu.stat", ""), ("cpuacct.usage", ""))
    assert watched(clock, 0.01, lambda _: gone) == (gone, False, [])
    assert clock.now < 1
