"""The rules that a report's entries name, told in full: a page has no tables of its own."""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.judge.rules import RULES
from scratchlab.judge.rules.permalink import written
from scratchlab.model import Facts, Json


def told(ids: Iterable[str], facts: Facts) -> list[Json]:
    """The rules called ``ids``, sorted; their sources as of the versions that ``facts`` name."""
    return [_told(name, facts) for name in sorted(set(ids)) if name in RULES]


def _told(name: str, facts: Facts) -> Json:
    rule = RULES[name]
    source = written(rule, facts)
    return {
        "id": rule.id,
        "title": rule.title,
        "origin": str(rule.origin),
        "stage": rule.stage,
        "level": rule.level,
        "clause": rule.clause,
        "source": source.url,
        "symbol": source.symbol,
        "removed_by": rule.removed_by,
    }
