"""Grading state on a machine: one file, which ./lab reset removes and a report carries along."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

from scratchlab.atomic import replaced
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.report.file import schema

FILE = "/var/lib/scratchlab/quiz/graded.json"
MOST_BYTES = 1 << 20


def load(path: str) -> Json | None:
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
    found: Json = data
    return found


def carried(path: str) -> Json | None:
    """The grading as a report carries it: a damaged one is told, and never stops a report."""
    try:
        return load(path)
    except LabError as error:
        return {**nothing(), "problem": str(error)}


def save(path: str, grading: Json) -> None:
    """Keep ``grading``. Raises LabError when that is impossible."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}", "run this as root") from error
    with replaced(path) as out:
        json.dump(grading, out, indent=1)
        out.write("\n")


def nothing() -> Json:
    """A grading of no answer."""
    texts = dict.fromkeys(("seed", "taken", "container", "problem"), "")
    return {**texts, "points": 0, "of": 0, "answers": [], "exercise": None}


@cache
def _validator() -> Any:
    import fastjsonschema

    whole = schema()
    rule = {**whole["properties"]["quiz"], "definitions": whole["definitions"]}
    return fastjsonschema.compile(rule, use_formats=False)
