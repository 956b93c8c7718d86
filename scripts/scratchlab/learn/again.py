"""A grading that a report carries, graded again by what the same report shows. Pure.

A student is root on the machine and can write whatever score pleases. The answers are graded anew
by whoever reads the report; what does not fit is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scratchlab.learn import exercise
from scratchlab.learn.grade import grade
from scratchlab.learn.worksheet import draw, seed_of
from scratchlab.model import Json
from scratchlab.report import Report


@dataclass(frozen=True, slots=True)
class Grade:
    """Points as graded again, of worksheet and exercise; ``doubts`` say what does not fit."""

    points: int
    of: int
    exercise_points: int
    exercise_of: int
    doubts: tuple[str, ...]


def again(report: Report) -> Grade | None:
    """The grade of a report; None where nothing was answered."""
    quiz: Json | None = report.head.get("quiz")
    if quiz is None:
        return None
    doubts = [quiz["problem"]] if quiz["problem"] else []
    points = of = 0
    if quiz["answers"]:
        given = {one["path"]: one["given"] for one in quiz["answers"]}
        hints = [one["path"] for one in quiz["answers"] if one["hint"]]
        graded = grade(draw(report, seed_of(report)), given, hints)
        points, of = graded.points, graded.of
        doubts += _doubts(report, quiz, points, graded.strangers)
    task = quiz["exercise"]
    reached, possible = _exercise(task) if task else (0, 0)
    if task and task["points"] != reached:
        doubts.append(f"claims {task['points']} points for the exercise, reached {reached}")
    return Grade(points, of, reached, possible, tuple(doubts))


def _doubts(report: Report, quiz: Json, points: int, strangers: Iterable[str]) -> Iterable[str]:
    if quiz["seed"] != seed_of(report):
        yield "answered another machine's worksheet"
    elif list(strangers):
        yield "answered what was not asked"
    if quiz["container"] != report.head["container"]["id"]:
        yield "graded against an earlier container"
    if quiz["points"] != points:
        yield f"claims {quiz['points']} points, reached {points}"


def _exercise(task: Json) -> tuple[int, int]:
    """Only the machine knows the container that was changed; the path can be drawn again, and the
    origin belongs to the way in which it was changed.
    """
    drawn = exercise.draw(task["seed"])
    truth = exercise.Outcome(drawn, task["given_path"], task["given_origin"], str(drawn.origin))
    return truth.points, truth.of
