"""The sections ``ladder`` and ``timelapse`` of report.json."""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.ladder.judge import judge_ladder, judge_lifecycle
from scratchlab.ladder.model import EntryRow, LadderRun, Lifecycle, RootView, Step
from scratchlab.report.sections import (
    LadderSection,
    StepEntryFields,
    StepSection,
    TimelapseSection,
)
from scratchlab.text import printable, visible


def ladder_section(run: LadderRun) -> LadderSection:
    """The section ``ladder`` (definition ``ladder`` in report/schema)."""
    return {
        "image": run.image,
        "ledger_digest": run.ledger_digest,
        "engine": run.engine,
        "rungs": _steps(run.rungs),
        "entries": [
            {
                **_row(row),
                "maker": str(row.maker),
                "made_on": row.first,
                "agrees": row.agrees,
            }
            for row in judge_ladder(run)
        ],
    }


def timelapse_section(lifecycle: Lifecycle) -> TimelapseSection:
    """The section ``timelapse`` (definition ``timelapse`` in report/schema)."""
    return {
        "image": lifecycle.image,
        "stages": _steps(lifecycle.stages),
        "entries": [
            {**_row(row), "made_in": row.first, "detail": list(row.details)}
            for row in judge_lifecycle(lifecycle)
        ],
    }


def _steps(views: Iterable[RootView]) -> list[StepSection]:
    return [_step(view.step) for view in views]


def _step(step: Step) -> StepSection:
    return {
        "id": step.id,
        "title": step.title,
        "tool": step.tool,
        "version": printable(step.version),
        "command": printable(step.command),
        "available": step.available,
        "reason": printable(step.reason),
    }


def _row(row: EntryRow) -> StepEntryFields:
    return {
        "path": visible(row.path),
        "kind": row.kind,
        "present": list(row.present),
        "origin": row.origin,
    }
