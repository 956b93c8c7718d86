"""A report of schema 1 as one of schema 2.

Schema 1 called ``process-write`` what schema 2 calls ``written-later``, named the process as the
actor of what the writable layer hides, had no notes (they were problems) and no verdict.
"""

from __future__ import annotations

from typing import Any

from scratchlab.earlier import problems_and_notes
from scratchlab.model import Json
from scratchlab.report.document import SCHEMA

_OLD, _NEW = "process-write", "written-later"
_OLD_ACTORS = ("a process of the container", "a process in the container")


def upgraded(data: Json) -> Json:
    """``data``, a valid report of schema 1, as one of schema 2 without a verdict."""
    report = {key: value for key, value in data.items() if key != "problems"}
    for key in ("entries", "mounts", "ghosts"):
        if key in data:
            report[key] = [upgraded_section(section) for section in data[key]]
    for key in ("ladder", "timelapse"):
        if key in data:
            entries = [upgraded_section(entry) for entry in data[key]["entries"]]
            report[key] = {**data[key], "entries": entries}
    if "quiz" in data:
        report["quiz"] = upgraded_quiz(data["quiz"])
    if "rules" in data:
        report["rules"] = [upgraded_section(rule) for rule in data["rules"]]
    problems, notes = problems_and_notes(data["problems"])
    report["problems"], report["notes"] = list(problems), list(notes)
    report["schema"] = SCHEMA
    return report


def upgraded_section(section: Json) -> Json:
    """An entry, mount, ghost or rule of schema 1 with the names of schema 2."""
    changes: Json = {}
    if section.get("origin") == _OLD:
        changes["origin"] = _NEW
    if section.get("actor") in _OLD_ACTORS:
        changes["actor"] = "the writable layer"
    if _OLD in section.get("prediction", ""):
        changes["prediction"] = section["prediction"].replace(_OLD, _NEW)
    return {**section, **changes} if changes else section


def upgraded_quiz(quiz: Json) -> Json:
    """``quiz``, answers of schema 1 or 2, with the origins of schema 2."""

    def renamed(section: Any) -> Any:
        if not isinstance(section, dict):
            return section
        return {key: _NEW if value == _OLD else value for key, value in section.items()}

    answers = [renamed(answer) for answer in quiz["answers"]]
    return {**quiz, "answers": answers, "exercise": renamed(quiz["exercise"])}
