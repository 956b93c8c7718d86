"""What quiz and exercises add to a student's store: their own answers, and the step of the path."""

from __future__ import annotations

import os
from dataclasses import dataclass

from scratchlab.classroom.exercise import KINDS, LEVELS, Exercise, ExerciseOutcome
from scratchlab.classroom.grading import TRIES, GradedWorksheet
from scratchlab.learn.place import Student
from scratchlab.learn.steps import Step, load_steps
from scratchlab.learn.store import Store, now


@dataclass(frozen=True, slots=True)
class Results:
    """The store of a student, and the steps that show quiz and exercises."""

    store: Store
    steps: tuple[Step, ...]

    def save_quiz(self, seed: str, graded: GradedWorksheet) -> None:
        """Keep the answers to the quiz that ``seed`` drew, with first and best points."""
        entry = self.store.answers("quizzes", seed)
        entry |= {
            "points": graded.points,
            "first": graded.first_points,
            "of": graded.of,
            "ended": graded.ended,
        }
        if seed == self.store.record["host"]:
            self._keep("quiz", graded.points, graded.first_points, graded.of, ended=graded.ended)
        self.store.save(self.steps)

    def exercise_tries(self, drawn: Exercise) -> tuple[tuple[tuple[str, str], ...], int]:
        """The answers to an exercise so far, and the number of hints that were read."""
        entry = self.store.answers("exercises", _key(drawn))
        tries = (tuple(entry["tries"].get(str(number), ())) for number in range(TRIES))
        return tuple((str(given[0]), str(given[1])) for given in tries if given), len(
            entry["hints"]
        )

    def save_exercise(self, outcome: ExerciseOutcome) -> None:
        """Keep the answers to an exercise."""
        entry = self.store.answers("exercises", _key(outcome.exercise))
        entry |= {
            "tries": {str(number): list(given) for number, given in enumerate(outcome.tries)},
            "points": outcome.points,
            "first": outcome.points_of(0),
            "of": outcome.of,
            "ended": outcome.solved or len(outcome.tries) >= TRIES,
        }
        if outcome.exercise.seed == self.store.record["host"]:
            ended = bool(entry["ended"])
            first = outcome.points_of(0)
            self._keep("exercise", outcome.points, first, outcome.of, ended=ended)
        self.store.save(self.steps)

    def read_hint(self, drawn: Exercise) -> str:
        """The hint for an exercise; reading it is kept."""
        entry = self.store.answers("exercises", _key(drawn))
        if not entry["hints"] and not entry["ended"]:
            entry["hints"].append(now())
            self.store.save(self.steps)
        return KINDS[drawn.kind].hint

    def open_level(self, seed: str) -> str:
        """The first level whose exercise has not ended; the last one where all have."""
        for level in LEVELS:
            if not self.store.record["exercises"].get(f"{seed}/{level}", {}).get("ended"):
                return level
        return LEVELS[-1]

    def _keep(self, check: str, points: int, first: int, of: int, *, ended: bool) -> None:
        """Keep the points of the step that shows this, as its share of the step's points."""
        for step in self.steps:
            if step.check != check:
                continue
            entry = self.store.of(step)
            share = [round(step.points * value / of) if of else 0 for value in (first, points)]
            if entry["state"] == "open":
                entry["first"] = max(entry["first"], share[0])
            entry["best"] = max(entry["best"], share[1])
            made = {"at": now(), "right": points == of, "points": share[1], "said": []}
            entry["tries"] = [made]
            if entry["state"] == "open" and ended:
                entry["state"] = "done" if points else "told"
                entry["ended"] = now()


def open_results(student: Student, host: str) -> Results:
    """The results of ``student``; the path is begun where it was not."""
    steps = load_steps()
    store = Store.open(student) or Store.begin(
        student,
        host=host,
        word=student.word,
        directory=os.path.join(student.home, "learn"),
        first=steps[0].id,
    )
    return Results(store, steps)


def _key(drawn: Exercise) -> str:
    return f"{drawn.seed}/{drawn.level}"
