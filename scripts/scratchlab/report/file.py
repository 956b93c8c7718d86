"""The part of a report that any two hosts share that ship the same content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, TextIO

from scratchlab.atomic import replaced
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.report.build import SCHEMA, Report


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


# Reports on disk: written whole or not at all, read with suspicion.


MOST_BYTES = 1 << 30  # of a report that is read: about a million entries


def schema() -> Json:
    """The JSON Schema of a report (draft 7)."""
    text = (resources.files(__package__) / "schema" / "report-1.schema.json").read_text("utf-8")
    found: Json = json.loads(text)
    return found


def dump(report: Report, out: TextIO) -> None:
    """Write ``report`` as one JSON object, one entry a line: the same report, the same bytes."""
    out.write("{\n")
    for key in sorted(report.head):
        out.write(f"{_json(key)}: {_json(report.head[key])},\n")
    out.write('"entries": [')
    for number, entry in enumerate(report.entries):
        out.write(f"{',' if number else ''}\n{_json(entry)}")
    out.write("\n]\n}\n")


def write(report: Report, path: str) -> None:
    """Write ``report`` to ``path``: aside, synced, renamed. Raises LabError when that fails."""
    with replaced(path) as out:
        dump(report, out)


def read(path: str, most: int = MOST_BYTES) -> Report:
    """Read and validate a report. Raises LabError when it is damaged, of another schema, or larger
    than ``most`` bytes.
    """
    data = _load(path, most)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        what = f"{path} is not a report of schema {SCHEMA}"
        raise LabError(
            f"{what}: its schema is {found!r:.60}" if found else what,
            "write it again with scratchlab verify --json",
        )
    import fastjsonschema  # 30 ms that only readers of reports pay

    try:
        _validator()(data)
    except fastjsonschema.JsonSchemaValueException as error:
        raise _damaged(path, str(error.message)[:200]) from error
    entries = data.pop("entries")
    return Report(data, entries)


@cache
def _validator() -> Callable[[Any], Any]:
    """The compiled schema: a room of machines is read with one."""
    import fastjsonschema

    found: Callable[[Any], Any] = fastjsonschema.compile(schema(), use_formats=False)
    return found


def _load(path: str, most: int) -> Any:
    try:
        with open(path, "rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            if size > most:
                raise LabError(f"{path} is larger than {most} bytes", "name a report")
            return json.loads(raw.read(most + 1))
    except OSError as error:
        remedy = "write one with scratchlab verify --json FILE CONTAINER"
        raise LabError(f"cannot read {path}: {error.strerror}", remedy) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON, or was cut off") from error


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _damaged(path: str, why: str) -> LabError:
    return LabError(
        f"damaged report: {path}: {why}", "write it again with scratchlab verify --json"
    )
