"""Grading: answers against what the live machine shows. Pure.

Two answers to a question count: a right first one in full, a right second one for half.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scratchlab.classroom.exercise import LEVELS, ExerciseOutcome, draw_exercise
from scratchlab.classroom.worksheet import Worksheet, draw_worksheet, seed_of
from scratchlab.report import Report
from scratchlab.report.quiz_sections import ExerciseSection, QuizAnswerSection, QuizSection

POINTS_PER_ANSWER = 2  # for a right first one, half for a second; one less with the hint
TRIES = 2  # that count, of a question and of an exercise


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """The answers to one question, at most :data:`TRIES`; none where it was left out."""

    path: str
    tries: tuple[str, ...]
    answer: str
    explanation: str
    hint: bool  # the hint was read

    @property
    def given(self) -> str:
        """The answer that counts: the right one, otherwise the last; empty where there is none."""
        return self.answer if self.answer in self.tries else (self.tries or ("",))[-1]

    @property
    def verdict(self) -> str:
        """``right``, ``wrong`` or ``unanswered``."""
        if not self.tries:
            return "unanswered"
        return "right" if self.answer in self.tries else "wrong"

    @property
    def ended(self) -> bool:
        """Whether no further answer counts: then the answer may be told."""
        return self.verdict == "right" or len(self.tries) >= TRIES

    @property
    def points(self) -> int:
        """The points for this question."""
        if self.verdict != "right":
            return 0
        whole = POINTS_PER_ANSWER >> self.tries.index(self.answer)
        return max(whole - self.hint, 0)

    @property
    def first_points(self) -> int:
        """The points for the first answer."""
        return POINTS_PER_ANSWER - self.hint if self.tries[:1] == (self.answer,) else 0


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
    def first_points(self) -> int:
        """Points reached by the first answers alone."""
        return sum(answer.first_points for answer in self.answers)

    @property
    def of(self) -> int:
        """Points that could be reached."""
        return POINTS_PER_ANSWER * len(self.answers)

    @property
    def ended(self) -> bool:
        """Whether no further answer counts."""
        return all(answer.ended for answer in self.answers)


def grade(
    worksheet: Worksheet, given: Mapping[str, Sequence[str]], hints: Collection[str] = ()
) -> GradedWorksheet:
    """Grade the answers ``given`` by path, the first one first; only :data:`TRIES` count.

    ``hints`` are the paths whose hint was read.
    """
    answers = tuple(
        GradedAnswer(
            question.path,
            tuple(answer for answer in given.get(question.path, ()) if answer)[:TRIES],
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
        "first": graded.first_points,
        "of": graded.of,
        "problem": "",
        "exercise": None,
        "answers": [
            {
                "path": answer.path,
                "given": answer.given,
                "tries": list(answer.tries),
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

    @property
    def all_points(self) -> int:
        """Points of both."""
        return self.points + self.exercise_points

    @property
    def all_of(self) -> int:
        """Points that could be reached in both."""
        return self.of + self.exercise_of


def regrade(report: Report) -> Regrade | None:
    """The grade of a report; None where it carries no answers.

    The seed that it claims is compared with the machine's name: another machine's exercise has no
    points here.
    """
    quiz = report.head.get("quiz")
    if quiz is None:
        return None
    doubts = [quiz["problem"]] if quiz["problem"] else []
    points = of = 0
    if quiz["answers"]:
        given = {answer["path"]: _tries(answer) for answer in quiz["answers"]}
        hints = [answer["path"] for answer in quiz["answers"] if answer["hint"]]
        graded = grade(draw_worksheet(report, seed_of(report)), given, hints)
        points, of = graded.points, graded.of
        doubts += _quiz_doubts(report, quiz, graded)
    task = quiz["exercise"]
    reached = possible = 0
    if task:
        reached, possible = _exercise_points(task, seed_of(report))
        if task["seed"] != seed_of(report):
            doubts.append("solved another machine's exercise")
        elif task["points"] != reached:
            doubts.append(f"claims {task['points']} points for the exercise, reached {reached}")
    return Regrade(points, of, reached, possible, tuple(doubts))


def _tries(answer: QuizAnswerSection) -> Sequence[str]:
    """The answers to one question; reports of older programs have only the last one."""
    return answer.get("tries") or [answer["given"]]


def _quiz_doubts(report: Report, quiz: QuizSection, graded: GradedWorksheet) -> Iterable[str]:
    if quiz["seed"] != seed_of(report):
        yield "answered another machine's worksheet"
    elif graded.unexpected_answers:
        yield "answered what was not asked"
    if quiz["container"] != report.head["container"]["id"]:
        yield "graded against an earlier container"
    if quiz["points"] != graded.points:
        yield f"claims {quiz['points']} points, reached {graded.points}"


def _exercise_points(task: ExerciseSection, seed: str) -> tuple[int, int]:
    """Points reached, and points that could be reached.

    The report does not show the container that was changed. But the machine's name draws the same
    exercise again, and the origin follows from the kind of the change.
    """
    drawn = draw_exercise(seed, task.get("level", LEVELS[0]))
    tries = [(given["path"], given["origin"]) for given in task.get("tries", ())]
    tries = tries or [(task["given_path"], task["given_origin"])]
    outcome = ExerciseOutcome(drawn, tuple(tries), str(drawn.origin), task.get("hints", 0))
    return (outcome.points if task["seed"] == seed else 0), outcome.of
