"""From what a check found to points. Pure.

A task may be checked as often as one likes: looking is not guessing. Of the answers to a question
the first ``tries`` count, the second for half; then the answer is told. A prediction has one try
and is worth the part of it that comes true. Hints cost what they say. First and best are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchlab.learn.steps import Step

MOST_TRIES = 50  # that the record keeps


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of a check: ``key`` of the step's texts, and the values for it."""

    key: str
    right: bool
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found. ``counts``: it is a try; an answer does not count while there is nothing
    to answer about. ``answer`` is the right one. ``part`` of a prediction came true (0 to 1).
    ``kept`` is remembered for later steps.
    """

    said: tuple[Said, ...]
    counts: bool = True
    answer: str = ""
    part: float | None = None
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether the step is solved."""
        return bool(self.said) and all(said.right for said in self.said)


@dataclass(frozen=True, slots=True)
class Graded:
    """The step's entry after a check; ``counted`` is false where nothing changed in the points.
    ``left``: how many tries there still are (None: any number).
    """

    entry: dict[str, Any]
    points: int
    counted: bool
    left: int | None
    ended: bool


def hint_costs(step: Step, hints: int) -> int:
    """The points that the first ``hints`` hints cost."""
    return sum(hint.cost for hint in step.hints[:hints])


def grade(step: Step, entry: Mapping[str, Any], outcome: Outcome, at: str) -> Graded:
    """The entry of ``step`` after a check at the time ``at``."""
    new = {**entry, "kept": {**entry["kept"], **outcome.kept}}
    used = len(entry["tries"])
    if entry["state"] != "open" or not outcome.counts:
        left = max(step.tries - used, 0) if step.tries else None
        return Graded(new, entry["best"], False, left, entry["state"] != "open")
    points = _points(step, entry, outcome, used)
    made = {
        "at": at,
        "right": outcome.right,
        "points": points,
        "said": [said.key for said in outcome.said if not said.right],
    }
    new["tries"] = [*entry["tries"], made][-MOST_TRIES:]
    new["first"] = points if used == 0 else entry["first"]
    new["best"] = max(entry["best"], points)
    left = max(step.tries - used - 1, 0) if step.tries else None
    if outcome.right:
        new["state"] = "done"
    elif left == 0:
        new["state"] = "told"
    ended = new["state"] != "open"
    if ended:
        new["ended"] = at
    return Graded(new, points, True, left, ended)


def _points(step: Step, entry: Mapping[str, Any], outcome: Outcome, used: int) -> int:
    whole = step.points - hint_costs(step, entry["hints"])
    if outcome.part is not None:
        return max(round(whole * outcome.part), 0)
    if not outcome.right:
        return 0
    return max(whole if used == 0 or not step.tries else whole // 2, 0)


def give_up(entry: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The entry after the solution was read: what was reached before stays, nothing is added."""
    if entry["state"] != "open":
        return dict(entry)
    return {**entry, "state": "given-up", "ended": at}


def take_hint(step: Step, entry: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The entry after the next hint, and the hint's index; the last one can be read again."""
    at = min(entry["hints"], len(step.hints) - 1)
    if entry["state"] != "open":
        return dict(entry), at
    return {**entry, "hints": min(entry["hints"] + 1, len(step.hints))}, at
