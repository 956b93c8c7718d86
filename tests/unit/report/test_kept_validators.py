"""Compiled validators are kept where Python keeps bytecode, and belong to one schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from scratchlab.report import validator as kept
from scratchlab.report.file import schema

NUMBER = {"type": "number", "maximum": 3}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bytecode would be kept."""
    monkeypatch.setattr(kept, "cache_from_source", lambda _: str(tmp_path / "validator.pyc"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The schemas that are compiled."""
    done: list[Any] = []
    real = fastjsonschema.compile_to_code

    def noting(rule: Any, **options: Any) -> str:
        done.append(rule)
        return real(rule, **options)

    monkeypatch.setattr(fastjsonschema, "compile_to_code", noting)
    return done


def allows(rule: dict[str, Any], value: object) -> bool:
    try:
        kept.validator("number", rule)(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def test_it_is_compiled_once(place: Path, compiled: list[Any]) -> None:
    assert allows(NUMBER, 3)
    assert not allows(NUMBER, 4)
    assert compiled == [NUMBER]
    assert [file.name for file in place.iterdir()] == ["number.validator"]


def test_another_schema_is_compiled_again(place: Path, compiled: list[Any]) -> None:
    assert place
    assert not allows(NUMBER, 4)
    other = {**NUMBER, "maximum": 4}
    assert allows(other, 4)
    assert compiled == [NUMBER, other]


@pytest.mark.parametrize("name", ["MAGIC_NUMBER", "VERSION"])
def test_another_python_or_compiler_compiles_again(
    place: Path, compiled: list[Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert place
    assert allows(NUMBER, 3)
    owner = kept if name == "MAGIC_NUMBER" else fastjsonschema
    monkeypatch.setattr(owner, name, b"new" if name == "MAGIC_NUMBER" else "new")
    assert allows(NUMBER, 3)
    assert compiled == [NUMBER, NUMBER]


@pytest.mark.parametrize("length", [0, 8, 32, 40, 100])
def test_what_was_cut_off_is_compiled_again(place: Path, compiled: list[Any], length: int) -> None:
    assert allows(NUMBER, 3)
    file = place / "number.validator"
    file.write_bytes(file.read_bytes()[:length])
    assert allows(NUMBER, 3)
    assert not allows(NUMBER, 4)
    assert compiled == [NUMBER, NUMBER]


def test_nothing_is_kept_where_python_keeps_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert allows(NUMBER, 3)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(kept, "cache_from_source", lambda _: "/nowhere/validator.pyc")
    assert allows(NUMBER, 3)
    assert not list(place.iterdir())


@pytest.mark.parametrize("name", ["scratchlab-report-1", "scratchlab-report-2"])
def test_it_says_what_the_compiler_alone_would_say(place: Path, name: str) -> None:
    assert place
    rule = {key: value for key, value in schema(name).items() if key != "$id"}
    direct = fastjsonschema.compile(schema(name), use_formats=False)
    damages: list[Any] = [{}, [], {"schema": name}, {"schema": name, "x": 1}]
    for damaged in damages:
        messages = []
        for validate in (direct, kept.validator(name, rule), kept.validator(name, rule)):
            with pytest.raises(fastjsonschema.JsonSchemaValueException) as caught:
                validate(damaged)
            messages.append(caught.value.message)
        assert len(set(messages)) == 1
