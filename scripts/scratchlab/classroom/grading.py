"""Grading: answers against what the live machine shows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from scratchlab.classroom import exercise
from scratchlab.classroom.worksheet import Worksheet, draw_worksheet, seed_of
from scratchlab.model import Json
from scratchlab.report import Report

POINTS = 2  # for a right answer; one less with the hint


@dataclass(frozen=True, slots=True)
class Try:
    """What a student answered to one question; ``given`` is empty where nothing was."""

    path: str
    given: str
    answer: str
    because: str
    hint: bool

    @property
    def verdict(self) -> str:
        """``right``, ``wrong`` or ``unanswered``."""
        if not self.given:
            return "unanswered"
        return "right" if self.given == self.answer else "wrong"

    @property
    def points(self) -> int:
        """What it is worth."""
        return (POINTS - self.hint) if self.verdict == "right" else 0


@dataclass(frozen=True, slots=True)
class Graded:
    """A worksheet with its answers. ``strangers`` are answers to what was not asked."""

    seed: str
    tries: tuple[Try, ...]
    strangers: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Points that were reached."""
        return sum(one.points for one in self.tries)

    @property
    def of(self) -> int:
        """Points that could be reached."""
        return POINTS * len(self.tries)


def grade(sheet: Worksheet, answers: Mapping[str, str], hints: Collection[str] = ()) -> Graded:
    """Grade ``answers`` (by path); ``hints`` are the paths whose hint was read."""
    tries = (
        Try(one.path, answers.get(one.path, ""), one.answer, one.because, one.path in hints)
        for one in sheet.questions
    )
    asked = {one.path for one in sheet.questions}
    strangers = tuple(sorted(path for path in answers if path not in asked))
    return Graded(sheet.seed, tuple(tries), strangers)


def graded_json(graded: Graded, report: Report, taken: str) -> Json:
    """The object ``quiz`` of a report; ``taken`` is the time (ISO 8601)."""
    return {
        "seed": graded.seed,
        "taken": taken,
        "container": report.head["container"]["id"],
        "points": graded.points,
        "of": graded.of,
        "problem": "",
        "exercise": None,
        "answers": [
            {
                "path": one.path,
                "given": one.given,
                "answer": one.answer,
                "verdict": one.verdict,
                "hint": one.hint,
            }
            for one in graded.tries
        ],
    }


# A grading that a report carries, graded again by what the same report shows. Pure.


@dataclass(frozen=True, slots=True)
class Regrade:
    """Points as graded again, of worksheet and exercise; ``doubts`` say what does not fit."""

    points: int
    of: int
    exercise_points: int
    exercise_of: int
    doubts: tuple[str, ...]


def regrade(report: Report) -> Regrade | None:
    """The grade of a report; None where nothing was answered."""
    quiz: Json | None = report.head.get("quiz")
    if quiz is None:
        return None
    doubts = [quiz["problem"]] if quiz["problem"] else []
    points = of = 0
    if quiz["answers"]:
        given = {one["path"]: one["given"] for one in quiz["answers"]}
        hints = [one["path"] for one in quiz["answers"] if one["hint"]]
        graded = grade(draw_worksheet(report, seed_of(report)), given, hints)
        points, of = graded.points, graded.of
        doubts += _doubts(report, quiz, points, graded.strangers)
    task = quiz["exercise"]
    reached, possible = _exercise(task) if task else (0, 0)
    if task and task["points"] != reached:
        doubts.append(f"claims {task['points']} points for the exercise, reached {reached}")
    return Regrade(points, of, reached, possible, tuple(doubts))


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
    drawn = exercise.draw_exercise(task["seed"])
    truth = exercise.ExerciseOutcome(
        drawn, task["given_path"], task["given_origin"], str(drawn.origin)
    )
    return truth.points, truth.of
