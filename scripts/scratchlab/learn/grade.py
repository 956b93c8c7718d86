"""Grading: answers against what the live machine shows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scratchlab.learn.worksheet import Worksheet
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
