"""The sections of ``quiz`` as types; see :mod:`scratchlab.report.sections`."""

# No "from __future__ import annotations": __required_keys__ would not see NotRequired.
from typing import NotRequired, TypedDict


class QuizAnswerSection(TypedDict):
    """One question, and how its answer was graded."""

    path: str
    given: str
    tries: NotRequired[list[str]]  # every answer that counts, the first one first
    answer: str
    verdict: str
    hint: bool


class ExerciseTrySection(TypedDict):
    """One answer to the exercise."""

    path: str
    origin: str


class ExerciseSection(TypedDict):
    """The answers to the exercise; ``given_path`` and ``given_origin`` are the best one."""

    seed: str
    level: NotRequired[str]  # easy, medium, hard
    tries: NotRequired[list[ExerciseTrySection]]
    hints: NotRequired[int]
    given_path: str
    given_origin: str
    path: str
    origin: str
    first: NotRequired[int]
    points: int
    of: int


class QuizSection(TypedDict):
    """The quiz of one machine, graded there."""

    seed: str
    taken: str
    container: str
    problem: str
    points: int
    first: NotRequired[int]  # points of the first answers alone
    of: int
    answers: list[QuizAnswerSection]
    exercise: ExerciseSection | None
