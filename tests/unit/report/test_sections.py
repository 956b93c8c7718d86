"""The typed sections and the JSON schema describe the same report."""

from __future__ import annotations

import types
import typing
from typing import Any

import pytest

from scratchlab.model import Json
from scratchlab.report import quiz_sections, sections, user_data_sections
from scratchlab.report.file import schema

_PRIMITIVES = {"string": str, "integer": int, "boolean": bool}


def _differences(kind: Any, rule: Json, where: str, compared: set[str]) -> list[str]:
    """How the type ``kind`` is not what ``rule`` of the schema allows, one line each."""
    if "$ref" in rule:
        rule = schema()["definitions"][rule["$ref"].rpartition("/")[2]]
    names = rule.get("type", "string")  # an enum or a constant has none, and is a string
    names = [names] if isinstance(names, str) else list(names)
    if "null" in names:
        if not (typing.get_origin(kind) is types.UnionType and types.NoneType in kind.__args__):
            return [f"{where}: the schema allows null, the type is {kind}"]
        names.remove("null")
        (kind,) = (argument for argument in kind.__args__ if argument is not types.NoneType)
    (name,) = names
    if name == "array":
        if typing.get_origin(kind) is not list:
            return [f"{where}: array, and {kind}"]
        return _differences(typing.get_args(kind)[0], rule["items"], f"{where}[]", compared)
    if name != "object":
        return [] if kind is _PRIMITIVES[name] else [f"{where}: {name}, and {kind}"]
    if "properties" not in rule:
        if typing.get_origin(kind) is not dict:
            return [f"{where}: object, and {kind}"]
        item = typing.get_args(kind)[1]
        return _differences(item, rule["additionalProperties"], f"{where}{{}}", compared)
    if not typing.is_typeddict(kind):
        return [f"{where}: object, and {kind}"]
    compared.add(kind.__name__)
    return _object_differences(kind, rule, where, compared)


def _object_differences(kind: Any, rule: Json, where: str, compared: set[str]) -> list[str]:
    fields = typing.get_type_hints(kind)
    keys, required = set(rule["properties"]), set(rule["required"])
    lines = [f"{where}.{key}: only one side has it" for key in sorted(keys ^ set(fields))]
    optional = sorted(required ^ set(kind.__required_keys__))
    lines += [f"{where}.{key}: only one side requires it" for key in optional]
    for key in sorted(keys & set(fields)):
        path = f"{where}.{key}"
        lines += _differences(fields[key], rule["properties"][key], path, compared)
    return lines


class _Report(sections.Head):
    entries: list[sections.EntrySection]


def _typed_sections() -> set[str]:
    both = {**vars(sections), **vars(user_data_sections), **vars(quiz_sections)}
    return {name for name, value in both.items() if typing.is_typeddict(value)}


def test_the_types_and_the_schema_have_the_same_fields_everywhere() -> None:
    compared: set[str] = set()
    assert _differences(_Report, schema(), "report", compared) == []
    shared = {
        "Head",
        "HeadFields",
        "EntryFields",
        "StepEntryFields",
    }  # compared as what inherits from them
    assert compared | shared == _typed_sections() | {"_Report"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda rule: rule["properties"].pop("uid"), "entry.uid: only one side has it"),
        (lambda rule: rule["required"].append("size"), "entry.size: only one side requires it"),
        (lambda rule: rule["required"].remove("uid"), "entry.uid: only one side requires it"),
        (lambda rule: rule["properties"]["uid"].update(type="string"), "entry.uid: string, and"),
        (lambda rule: rule["properties"]["uid"].update(type=["integer", "null"]), "allows null"),
    ],
)
def test_a_difference_between_type_and_schema_is_found(change: Any, line: str) -> None:
    rule = schema()["definitions"]["image_entry"]
    rule["type"] = "object"
    change(rule)
    lines = _differences(sections.ImageEntrySection, rule, "entry", set())
    assert any(line in found for found in lines)
