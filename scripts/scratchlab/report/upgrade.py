"""A report of schema 1 as one of schema 2.

Schema 1 called ``process-write`` what schema 2 calls ``written-later``, named the process as the
actor of what the writable layer hides, had no notes (they were problems) and no verdict.
"""

from __future__ import annotations

from typing import Any

from scratchlab.model import Json
from scratchlab.report.build import SCHEMA

_OLD, _NEW = "process-write", "written-later"
_OLD_ACTORS = ("a process of the container", "a process in the container")
# How the problems of schema 1 begin that are notes in schema 2.
_NOTES = ("no prediction", "the debug container shares", "layer ", "the archive also contains",
          "the archive also holds", "the image's history has")  # fmt: skip


def upgraded(data: Json) -> Json:
    """``data``, a valid report of schema 1, as one of schema 2 without a verdict."""
    report = {key: value for key, value in data.items() if key != "problems"}
    for key in ("entries", "mounts", "ghosts"):
        if key in data:
            report[key] = [_with_new_origin(section) for section in data[key]]
    for key in ("ladder", "timelapse"):
        if key in data:
            entries = [_with_new_origin(entry) for entry in data[key]["entries"]]
            report[key] = {**data[key], "entries": entries}
    if "quiz" in data:
        report["quiz"] = _quiz(data["quiz"])
    if "rules" in data:
        report["rules"] = [_with_new_origin(rule) for rule in data["rules"]]
    report["notes"] = [text for text in data["problems"] if text.startswith(_NOTES)]
    report["problems"] = [text for text in data["problems"] if not text.startswith(_NOTES)]
    report["schema"] = SCHEMA
    return report


def _with_new_origin(section: Json) -> Json:
    changes: Json = {}
    if section.get("origin") == _OLD:
        changes["origin"] = _NEW
    if section.get("actor") in _OLD_ACTORS:
        changes["actor"] = "the writable layer"
    if _OLD in section.get("prediction", ""):
        changes["prediction"] = section["prediction"].replace(_OLD, _NEW)
    return {**section, **changes} if changes else section


def _quiz(quiz: Json) -> Json:
    def renamed(section: Any) -> Any:
        if not isinstance(section, dict):
            return section
        return {key: _NEW if value == _OLD else value for key, value in section.items()}

    answers = [renamed(answer) for answer in quiz["answers"]]
    return {**quiz, "answers": answers, "exercise": renamed(quiz["exercise"])}
