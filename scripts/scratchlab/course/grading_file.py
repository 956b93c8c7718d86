"""The grading on a machine: one file, which a report carries along and ./lab reset removes."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import fastjsonschema

from scratchlab.atomic import atomic_write
from scratchlab.errors import LabError
from scratchlab.report.file import schema
from scratchlab.report.quiz_sections import QuizSection
from scratchlab.report.upgrade import upgraded_quiz

FILE = "/var/lib/scratchlab/quiz/graded.json"
MOST_BYTES = 1 << 20


def load_grading(path: str) -> QuizSection | None:
    """The grading in ``path``; None where there is none. Raises LabError where it is damaged."""
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(MOST_BYTES))
        _validator()(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}", "run this as root") from error
    except (ValueError, RecursionError) as error:  # fastjsonschema's error is a ValueError
        remedy = f"rm {path}, and take the quiz again"
        raise LabError(f"damaged grading: {path}", remedy) from error
    # An older scratchlab, whose reports had schema 1, may have written it.
    grading: QuizSection = upgraded_quiz(data)  # type: ignore[assignment]
    return grading


def grading_for_report(path: str) -> QuizSection | None:
    """The grading in ``path`` as a report carries it; None where there is none.

    A damaged grading becomes the ``problem`` of an empty one, so that the report is still made.
    """
    try:
        return load_grading(path)
    except LabError as error:
        return {**empty_grading(), "problem": str(error)}


def save_grading(path: str, grading: QuizSection) -> None:
    """Write ``grading`` to ``path``. Raises LabError when that is impossible."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}", "run this as root") from error
    with atomic_write(path) as out:
        json.dump(grading, out, indent=1)
        out.write("\n")


def empty_grading() -> QuizSection:
    """A grading without answers."""
    return {
        "seed": "",
        "taken": "",
        "container": "",
        "problem": "",
        "points": 0,
        "of": 0,
        "answers": [],
        "exercise": None,
    }


@cache
def _validator() -> Any:
    report = schema()
    quiz = {**report["properties"]["quiz"], "definitions": report["definitions"]}
    return fastjsonschema.compile(quiz, use_formats=False)
