"""What may start: by prerequisites, by what disturbs each other, and by the number of places."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from scratchlab.experiments.schedule import Act, Plan, next_act, plan
from scratchlab.experiments.table import EXPERIMENTS, Experiment


def row(name: str, *needs: str, after: str = "", after_command: str = "") -> Experiment:
    reasons = ({other: "Because."} if other else {} for other in (after, after_command))
    first, second = reasons
    return replace(EXPERIMENTS[0], id=name, depends_on=needs, after=first, after_command=second)


def all_at_once(planned: Plan, *ended: Act, at_once: int = 9) -> list[Act]:
    """Everything that may run now, in the order in which it starts."""
    running: list[Act] = []
    while act := next_act(planned, ended, running, at_once):
        running.append(act)
    return running


def orders(planned: Plan, at_once: int) -> Iterator[tuple[Act, tuple[Act, ...]]]:
    """Each start with what runs at that moment; acts end in an order by chance."""
    chance = random.Random(at_once)
    ended: list[Act] = []
    running: list[Act] = []
    while len(ended) < len(planned):
        while act := next_act(planned, ended, running, at_once):
            yield act, tuple(running)
            running.append(act)
        ended.append(running.pop(chance.randrange(len(running))))


def test_an_experiment_waits_for_its_prerequisites_and_a_command_for_its_experiment() -> None:
    planned = plan([row("A"), row("B", "A"), row("C", "B")], typed=True)
    assert all_at_once(planned) == [Act("A")]
    assert set(all_at_once(planned, Act("A"))) == {Act("B"), Act("A", typed=True)}


def test_without_commands_none_is_planned() -> None:
    planned = plan([row("A"), row("B", after_command="A")], typed=False)
    assert set(all_at_once(planned)) == {Act("A"), Act("B")}


def test_an_experiment_comes_after_another_one_whose_command_may_still_run() -> None:
    planned = plan([row("A"), row("B", after="A")], typed=True)
    assert all_at_once(planned) == [Act("A")]
    assert set(all_at_once(planned, Act("A"))) == {Act("B"), Act("A", typed=True)}


def test_an_experiment_comes_after_the_command_of_another_one() -> None:
    planned = plan([row("A"), row("B", after_command="A")], typed=True)
    assert all_at_once(planned, Act("A")) == [Act("A", typed=True)]
    assert all_at_once(planned, Act("A"), Act("A", typed=True)) == [Act("B")]


def test_what_is_not_chosen_keeps_nothing_waiting() -> None:
    assert all_at_once(plan([row("B", after="A", after_command="A")], typed=True)) == [Act("B")]


def test_what_most_others_wait_for_starts_first_and_then_the_last_in_the_table() -> None:
    planned = plan([row("A"), row("B"), row("C", "B"), row("D", "C"), row("E")], typed=False)
    assert all_at_once(planned) == [Act("B"), Act("E"), Act("A")]


def test_no_more_run_than_there_are_places() -> None:
    planned = plan([row(name) for name in "ABC"], typed=False)
    assert all_at_once(planned, at_once=2) == [Act("C"), Act("B")]


def test_one_at_a_time_is_the_order_of_the_table_with_each_command_after_its_experiment() -> None:
    started = list(orders(plan(EXPERIMENTS, typed=True), 1))
    assert [act for act, _ in started] == [
        Act(one.id, typed=typed) for one in EXPERIMENTS for typed in (False, True)
    ]
    assert all(not running for _, running in started)


@pytest.mark.parametrize("at_once", range(2, 12))
def test_mounts_that_e11_looks_for_are_never_copied_meanwhile(at_once: int) -> None:
    others = {Act("E15"), Act("E15", typed=True)}
    looks = {Act("E11"), Act("E11", typed=True)}
    begun: set[Act] = set()
    for act, running in orders(plan(EXPERIMENTS, typed=True), at_once):
        together = {act, *running}
        assert not (together & looks and together & others)
        assert not {Act("E11"), Act("E13")} <= together
        begun.add(act)
    assert len(begun) == 2 * len(EXPERIMENTS)


def test_the_table_lets_the_longest_begin_before_the_others_have_ended() -> None:
    started = [act.id for act, _ in orders(plan(EXPERIMENTS, typed=False), 3)]
    assert started.index("E14") < started.index("E10")
