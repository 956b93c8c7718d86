"""The rules that a report's entries name, told in full: a page has no tables of its own."""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.judge.rules import RULES, Source
from scratchlab.judge.versions import numbers
from scratchlab.model import Facts, Json


def told(ids: Iterable[str], facts: Facts) -> list[Json]:
    """The rules called ``ids``, sorted; their sources as of the versions that ``facts`` name."""
    return [_told(name, facts) for name in sorted(set(ids)) if name in RULES]


def _told(name: str, facts: Facts) -> Json:
    rule = RULES[name]
    return {
        "id": rule.id,
        "title": rule.title,
        "origin": str(rule.origin),
        "stage": rule.stage,
        "level": rule.level,
        "clause": rule.clause,
        "source": rule.source.permalink(_version(rule.source, facts)) if rule.source else "",
        "symbol": rule.source.symbol if rule.source else "",
        "removed_by": rule.removed_by,
    }


def _version(source: Source, facts: Facts) -> tuple[int, ...]:
    """The version of ``source``'s project that made this container, () where another did."""
    name = source.project.rpartition("/")[2]
    if name == "linux":
        return numbers(facts.host.kernel)[:2]  # its tags are v6.12, not v6.12.0
    running = {
        {"docker": "moby"}.get(facts.engine.name, facts.engine.name): facts.engine.version,
        facts.runtime.name: facts.runtime.version,
    }
    return numbers(running.get(name, ""))
