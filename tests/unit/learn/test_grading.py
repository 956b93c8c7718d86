"""Points of the path: pure, by hand and for any order of checks."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scratchlab.learn.grading import Outcome, Said, give_up, grade, take_hint
from scratchlab.learn.steps import Hint, Solution, Step

RIGHT = Outcome((Said("right", True),), answer="x")
WRONG = Outcome((Said("wrong", False),), answer="x")


def step(tries: int = 0, points: int = 10) -> Step:
    hints = (Hint("a", 1), Hint("b", 2), Hint("c", 3))
    return Step("s", "S", "d", "check", hints, Solution(), points=points, tries=tries)


def entry() -> dict[str, Any]:
    return {
        "state": "open", "started": "", "ended": "", "hints": 0, "tries": [], "first": 0, "best": 0,
        "of": 10, "kept": {},
    }  # fmt: skip


def after(what: Step, *outcomes: Outcome) -> dict[str, Any]:
    found = entry()
    for outcome in outcomes:
        found = grade(what, found, outcome, "now").entry
    return found


def test_task_may_be_checked_as_often_as_one_likes() -> None:
    done = after(step(), WRONG, WRONG, WRONG, RIGHT)
    assert (done["state"], done["first"], done["best"]) == ("done", 0, 10)


def test_second_answer_counts_half_and_then_the_answer_is_told() -> None:
    assert after(step(2), WRONG, RIGHT)["best"] == 5
    told = after(step(2), WRONG, WRONG)
    assert (told["state"], told["best"]) == ("told", 0)
    assert after(step(2), WRONG, WRONG, RIGHT)["best"] == 0


def test_what_does_not_count_uses_no_try() -> None:
    nothing = Outcome((Said("no-container", False),), counts=False)
    found = after(step(2), nothing, nothing, nothing)
    assert (found["state"], found["tries"]) == ("open", [])


def test_prediction_is_worth_what_came_true() -> None:
    found = after(step(1), Outcome((Said("right", True),), part=0.5))
    assert (found["state"], found["best"]) == ("done", 5)


def test_hints_cost_and_the_solution_ends_the_points() -> None:
    found = entry()
    for at in (0, 1, 2, 2):
        found, shown = take_hint(step(), found)
        assert shown == at
    assert grade(step(), found, RIGHT, "now").entry["best"] == 4
    given_up = give_up(entry(), "now")
    assert grade(step(), given_up, RIGHT, "now").entry["best"] == 0
    assert give_up(after(step(), RIGHT), "now")["best"] == 10


@given(st.lists(st.sampled_from([RIGHT, WRONG])), st.integers(0, 3), st.lists(st.booleans()))
def test_best_never_falls_and_first_never_changes(
    outcomes: list[Outcome], tries: int, hints: list[bool]
) -> None:
    what, found, best, first = step(tries), entry(), 0, None
    for number, outcome in enumerate(outcomes):
        if number < len(hints) and hints[number]:
            found, _ = take_hint(what, found)
        found = grade(what, found, outcome, "now").entry
        assert best <= found["best"] <= what.points
        best = found["best"]
        first = found["first"] if first is None else first
        assert found["first"] == first
