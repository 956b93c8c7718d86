"""The answer to `scratchlab why` as a section: what is known of one path, for programs."""

from __future__ import annotations

from scratchlab.judge.blame import Blame
from scratchlab.judge.explain import Explanation
from scratchlab.judge.rules import advice
from scratchlab.model import Facts, Json
from scratchlab.report.convert import (
    entry_section,
    ghost_section,
    mount_section,
    rules_cited,
    step_sections,
)
from scratchlab.text import visible


def explanation_section(explanation: Explanation, facts: Facts, asked: str) -> Json:
    """``explanation`` of the path ``asked`` as one JSON object. ``entry``, ``ghost`` and ``rule``
    are as in report.json, and null where there is none.
    """
    finding, ghost, rule = explanation.finding, explanation.ghost, explanation.rule
    rules = rules_cited([rule.id], facts) if rule is not None else []
    section: Json = {
        "asked": visible(asked),
        "path": visible(explanation.path),
        "entry": None if finding is None else entry_section(finding),
        "ghost": None if ghost is None else ghost_section(ghost),
        "mounts": [mount_section(mount) for mount in explanation.mounts],
        "rule": {**rules[0]} if rules else None,
        "note": visible(explanation.note),
    }
    if rule is not None and section["rule"]:
        section["rule"]["removed_by"] = advice(rule, explanation.path)
    if explanation.blame is not None:
        section["layers"] = _blame(explanation.blame)
    return section


def _blame(blame: Blame) -> Json:
    """Which layer made the image's entry, by which line of its history, and what each layer did."""
    return {
        "layer": blame.layer,
        "instruction": visible(blame.line.instruction),
        "created": visible(blame.line.created),
        "unknown": blame.unknown,
        "history": step_sections(blame.history),
    }
