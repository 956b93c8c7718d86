"""Grading: answers against what the live machine shows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from scratchlab.classroom.exercise import ExerciseOutcome, draw_exercise
from scratchlab.classroom.worksheet import Worksheet, draw_worksheet, seed_of
from scratchlab.report import Report
from scratchlab.report.sections import ExerciseSection, QuizSection

POINTS_PER_ANSWER = 2  # for a right one; one less with the hint


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """The answer to one question; ``given`` is empty where it was left out."""

    path: str
    given: str
    answer: str
    explanation: str
    hint: bool  # the hint was read

    @property
    def verdict(self) -> str:
        """``right``, ``wrong`` or ``unanswered``."""
        if not self.given:
            return "unanswered"
        return "right" if self.given == self.answer else "wrong"

    @property
    def points(self) -> int:
        """The points for this answer."""
        return (POINTS_PER_ANSWER - self.hint) if self.verdict == "right" else 0


@dataclass(frozen=True, slots=True)
class GradedWorksheet:
    """A worksheet with its answers, graded."""

    seed: str
    answers: tuple[GradedAnswer, ...]
    unexpected_answers: tuple[str, ...] = ()  # paths that the worksheet does not ask for

    @property
    def points(self) -> int:
        """Points reached."""
        return sum(answer.points for answer in self.answers)

    @property
    def of(self) -> int:
        """Points that could be reached."""
        return POINTS_PER_ANSWER * len(self.answers)


def grade(
    worksheet: Worksheet, given: Mapping[str, str], hints: Collection[str] = ()
) -> GradedWorksheet:
    """Grade the answers ``given`` by path; ``hints`` are the paths whose hint was read."""
    answers = tuple(
        GradedAnswer(
            question.path,
            given.get(question.path, ""),
            question.answer,
            question.explanation,
            question.path in hints,
        )
        for question in worksheet.questions
    )
    asked = {question.path for question in worksheet.questions}
    return GradedWorksheet(worksheet.seed, answers, tuple(sorted(set(given) - asked)))


def quiz_section(graded: GradedWorksheet, report: Report, taken: str) -> QuizSection:
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
                "path": answer.path,
                "given": answer.given,
                "answer": answer.answer,
                "verdict": answer.verdict,
                "hint": answer.hint,
            }
            for answer in graded.answers
        ],
    }


@dataclass(frozen=True, slots=True)
class Regrade:
    """The grade that a report carries, graded again by what the same report shows.

    Points of worksheet and exercise; ``doubts`` name what does not fit.
    """

    points: int
    of: int
    exercise_points: int
    exercise_of: int
    doubts: tuple[str, ...]


def regrade(report: Report) -> Regrade | None:
    """The grade of a report; None where it carries no answers."""
    quiz = report.head.get("quiz")
    if quiz is None:
        return None
    doubts = [quiz["problem"]] if quiz["problem"] else []
    points = of = 0
    if quiz["answers"]:
        given = {answer["path"]: answer["given"] for answer in quiz["answers"]}
        hints = [answer["path"] for answer in quiz["answers"] if answer["hint"]]
        graded = grade(draw_worksheet(report, seed_of(report)), given, hints)
        points, of = graded.points, graded.of
        doubts += _quiz_doubts(report, quiz, graded)
    task = quiz["exercise"]
    reached, possible = _exercise_points(task) if task else (0, 0)
    if task and task["points"] != reached:
        doubts.append(f"claims {task['points']} points for the exercise, reached {reached}")
    return Regrade(points, of, reached, possible, tuple(doubts))


def _quiz_doubts(report: Report, quiz: QuizSection, graded: GradedWorksheet) -> Iterable[str]:
    if quiz["seed"] != seed_of(report):
        yield "answered another machine's worksheet"
    elif graded.unexpected_answers:
        yield "answered what was not asked"
    if quiz["container"] != report.head["container"]["id"]:
        yield "graded against an earlier container"
    if quiz["points"] != graded.points:
        yield f"claims {quiz['points']} points, reached {graded.points}"


def _exercise_points(task: ExerciseSection) -> tuple[int, int]:
    """Points reached, and points that could be reached.

    The report does not show the container that was changed. But the seed draws the same exercise
    again, and the origin follows from the method of the change.
    """
    drawn = draw_exercise(task["seed"])
    outcome = ExerciseOutcome(drawn, task["given_path"], task["given_origin"], str(drawn.origin))
    return outcome.points, outcome.of
