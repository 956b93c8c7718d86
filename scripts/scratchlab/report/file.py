"""Reports on disk: written whole or not at all, validated when they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import Any, TextIO, cast

from scratchlab.atomic import atomic_write
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.report.document import SCHEMA, Report
from scratchlab.report.sections import EntrySection, Head, HeadFields
from scratchlab.report.spool import SectionSpool
from scratchlab.report.stream import load_object
from scratchlab.report.upgrade import upgraded, upgraded_section
from scratchlab.report.verdict import decide

READABLE = ("scratchlab-report-1", SCHEMA)
MOST_BYTES = 1 << 30  # the largest report that is read: about a million entries


def schema(name: str = SCHEMA) -> Json:
    """The JSON Schema (draft 7) called ``name``, one of :data:`READABLE`."""
    file = f"{name.removeprefix('scratchlab-')}.schema.json"
    parsed: Json = json.loads((resources.files(__package__) / "schema" / file).read_text("utf-8"))
    return parsed


def dump(report: Report, out: TextIO) -> None:
    """Write ``report`` as one JSON object, one entry a line: the same report, the same bytes."""
    out.write("{\n")
    for key, section in sorted(report.head.items()):
        out.write(f"{_json(key)}: {_json(section)},\n")
    out.write('"entries": [')
    for number, entry in enumerate(report.entries):
        out.write(f"{',' if number else ''}\n{_json(entry)}")
    out.write("\n]\n}\n")


def write(report: Report, path: str) -> None:
    """Write ``report`` to ``path``, replacing it in one step. Raises LabError when that fails."""
    with atomic_write(path) as out:
        dump(report, out)


def read(path: str, most: int = MOST_BYTES) -> Report:
    """Read and validate a report of schema 1 or 2; one of schema 1 becomes one of schema 2.

    Its entries are kept on disk. Raises LabError when it is damaged, of another schema, or larger
    than ``most`` bytes, and when its verdict is not the one that its content leads to.
    """
    data, spool = _load(path, most)
    if not isinstance(data, dict) or data.get("schema") not in READABLE:
        other = data.get("schema") if isinstance(data, dict) else None
        what = f"{path} is not a report of schema {SCHEMA}"
        raise LabError(
            f"{what}: its schema is {other!r:.60}" if other else what,
            "write it again with scratchlab verify --json",
        )
    import fastjsonschema  # 30 ms that only readers of reports pay

    entries = _Entries(spool, data["schema"])
    try:
        _validator(data["schema"])(data)
        if data["schema"] != SCHEMA:
            data = upgraded(data)
        del data["entries"]
        verdict = decide(cast(HeadFields, data), entries.validated())
    except fastjsonschema.JsonSchemaValueException as error:
        raise _damaged(path, str(error.message)[:200]) from error
    # The sentence is made again: another version may have worded it otherwise.
    written = {**data.get("verdict", verdict), "sentence": verdict["sentence"]}
    if written != verdict:
        raise _damaged(path, "its verdict is not the one that its content leads to")
    data["verdict"] = verdict
    return Report(cast(Head, data), entries)


class _Entries:
    """The entries of a report of ``schema``, as entries of the newest schema."""

    def __init__(self, spool: SectionSpool, schema: str) -> None:
        self._spool = spool
        self._schema = schema

    def __iter__(self) -> Iterator[EntrySection]:
        return map(self._newest, self._spool)

    def validated(self) -> Iterator[EntrySection]:
        """The same; raises JsonSchemaValueException at the first that the schema does not allow."""
        import fastjsonschema

        validate = _entry_validator(self._schema)
        for number, entry in enumerate(self._spool):
            try:
                validate(entry)
            except fastjsonschema.JsonSchemaValueException as error:
                where = f"data.entries[{number}]{error.message.removeprefix('data')}"
                raise fastjsonschema.JsonSchemaValueException(where) from error
            yield self._newest(entry)

    def _newest(self, entry: EntrySection) -> EntrySection:
        if self._schema == SCHEMA:
            return entry
        return cast(EntrySection, upgraded_section(cast(Json, entry)))


def canonical(report: Report) -> Json:
    """``report`` without the fields that the schema marks ``x-host-specific``: equal on any two
    hosts that ship the same content.
    """
    rules = schema()
    whole = {**report.head, "entries": list(report.entries)}
    shared: Json = _shared(whole, rules, rules["definitions"])
    return shared


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


@cache
def _validator(name: str) -> Callable[[Any], Any]:
    """The validator of a report; made once for all the reports of a class."""
    from scratchlab.report.validator import validator

    return validator(name, {key: value for key, value in schema(name).items() if key != "$id"})


@cache
def _entry_validator(name: str) -> Callable[[Any], Any]:
    """The validator of one entry."""
    from scratchlab.report.validator import validator

    definitions = schema(name)["definitions"]
    return validator(f"{name}-entry", {**definitions["entry"], "definitions": definitions})


def _load(path: str, most: int) -> tuple[Any, SectionSpool]:
    """The JSON in ``path`` without its entries, and these, not yet validated."""
    spool = SectionSpool()
    try:
        with open(path, "rb") as raw:
            if os.fstat(raw.fileno()).st_size > most:
                raise LabError(f"{path} is larger than {most} bytes", "name a report")
            return load_object(raw, "entries", spool.add, most=most), spool
    except OSError as error:
        remedy = "write one with scratchlab verify --json FILE CONTAINER"
        raise LabError(f"cannot read {path}: {error.strerror}", remedy) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "not JSON, or cut off") from error


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _damaged(path: str, why: str) -> LabError:
    return LabError(
        f"damaged report: {path}: {why}", "write it again with scratchlab verify --json"
    )
