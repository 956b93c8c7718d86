"""The part of a report that any two hosts share that ship the same content."""

from __future__ import annotations

from typing import Any

from scratchlab.model import Json
from scratchlab.report.build import Report
from scratchlab.report.file import schema


def canonical(report: Report) -> Json:
    """``report`` without the fields that the schema marks ``x-host-specific``."""
    rules = schema()
    whole = {**report.head, "entries": list(report.entries)}
    found: Json = _shared(whole, rules, rules["definitions"])
    return found


def _shared(value: Any, rule: Json, definitions: Json) -> Any:
    if "$ref" in rule:
        rule = definitions[rule["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in rule:
        rules = rule["properties"]
        return {
            name: _shared(item, rules[name], definitions)
            for name, item in value.items()
            if not rules[name].get("x-host-specific")
        }
    if isinstance(value, list) and "items" in rule:
        return [_shared(item, rule["items"], definitions) for item in value]
    return value
