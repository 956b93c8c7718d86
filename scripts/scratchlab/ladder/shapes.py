"""The ladder and the time-lapse in the shape that report.json gives them."""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.ladder import judge, stages
from scratchlab.ladder.model import LadderRow, Lifecycle, RootView, RungRun, Step
from scratchlab.model import Json
from scratchlab.text import printable, visible


def ladder(climb: RungRun) -> Json:
    """The report's ``ladder``."""
    return {
        "image": climb.image,
        "ledger_digest": climb.ledger_digest,
        "engine": climb.engine,
        "rungs": _steps(climb.rungs),
        "entries": [
            {
                **_row(row),
                "maker": str(row.maker),
                "made_on": row.first,
                "agrees": row.agrees,
            }
            for row in judge.judge(climb)
        ],
    }


def timelapse(life: Lifecycle) -> Json:
    """The report's ``timelapse``."""
    return {
        "image": life.image,
        "stages": _steps(life.stages),
        "entries": [
            {**_row(row), "made_in": row.first, "detail": list(row.details)}
            for row in stages.judge(life)
        ],
    }


def _steps(views: Iterable[RootView]) -> list[Json]:
    return [_step(view.step) for view in views]


def _step(step: Step) -> Json:
    return {
        "id": step.id,
        "title": step.title,
        "tool": step.tool,
        "version": printable(step.version),
        "command": printable(step.command),
        "available": step.available,
        "reason": printable(step.reason),
    }


def _row(row: LadderRow) -> Json:
    return {
        "path": visible(row.path),
        "kind": row.kind,
        "present": list(row.present),
        "origin": row.origin,
    }
