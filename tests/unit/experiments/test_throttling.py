"""How long E13 watches a program that uses more of a CPU than its limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

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


class Watched(NamedTuple):
    """What was found: the share of a CPU, how often it was throttled, whether the limit was
    lowered, and how often that was asked for.
    """

    share: float
    throttled: int
    lowered: bool
    asked: int


def watched(
    clock: Clock, reading: float, counters_at: Callable[[float], Files], before: float = 0.0
) -> Watched:
    """Watch counters that take ``reading`` seconds; the first reading began ``before`` ago."""
    asked = 0

    def count(_: Any) -> e13._Reading:
        begin = clock.now
        clock.wait(reading)
        return e13._Reading(counters_at(clock.now), begin, clock.now)

    def lower() -> bool:
        nonlocal asked
        asked += 1
        return True

    container: Any = SimpleNamespace(_count=count, _lower=lower)
    groups: Any = None
    start = e13._Reading(NONE, clock.now - before, clock.now)
    first, last, lowered = e13._TrialContainer._wait_until_throttled(container, groups, start)
    counted = first.counters, last.counters
    return Watched(
        e13._share(*counted, last.end - first.begin),
        e13._growth(*counted, "cpu.stat", "nr_throttled"),
        lowered,
        asked,
    )


def test_what_a_program_uses_at_first_is_not_taken_for_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    found = watched(clock, 0.01, lambda now: counters(int(now * 10), 1.0 + 0.1 * now))
    assert found.share == pytest.approx(0.1, abs=0.01)
    assert found[1:] == (3, False, 0)
    assert clock.now < 1


def test_share_is_that_of_the_time_in_which_both_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = watched(clock, 3.0, lambda now: counters(int(now * 10), 0.1 * now))
    assert found.share == pytest.approx(0.1)
    assert clock.now == pytest.approx(3.1)


def test_program_without_a_limit_is_watched_for_a_limited_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    found = watched(clock, 0.01, lambda now: counters(9, 2 * now))
    assert not e13._within(found.share)
    assert 8 <= clock.now < 14


def test_limit_is_lowered_once_where_it_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = watched(clock, 0.01, lambda now: counters(max(0, int(now * 10) - 60), 0.05 * now))
    assert found[1:] == (3, True, 1)


def test_first_reading_that_took_long_is_no_reason_to_lower_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    found = watched(clock, 0.01, lambda now: counters(int(now * 10), 0.1 * now), before=9.0)
    assert (found.lowered, found.asked) == (False, 0)


def test_group_that_was_removed_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    found = watched(clock, 0.01, lambda _: (("cpu.stat", ""), ("cpuacct.usage", "")))
    assert (found.lowered, found.asked) == (False, 0)
    assert clock.now < 1
