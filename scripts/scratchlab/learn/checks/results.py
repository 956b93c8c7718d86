"""Checks of what other commands graded: the quiz and the exercise, which keep their own points."""

from __future__ import annotations

from scratchlab.learn.desk import Desk
from scratchlab.learn.grading import Outcome, Said
from scratchlab.learn.steps import Step


def quiz(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """`scratchlab quiz` writes its result into the same store; here it is only shown."""
    return _result(desk, step)


def exercise(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """`scratchlab exercise check` writes its result into the same store, too."""
    return _result(desk, step)


def _result(desk: Desk, step: Step) -> Outcome:
    entry = desk.store.of(step)
    if not entry["tries"]:
        return Outcome((Said("not-taken", False),), counts=False)
    values = {"best": str(entry["best"]), "of": str(entry["of"])}
    ended = entry["state"] != "open"
    return Outcome((Said("right" if ended else "again", ended, values),), counts=False)
