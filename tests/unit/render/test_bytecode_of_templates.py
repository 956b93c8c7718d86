"""Compiled templates are kept where Python keeps bytecode, or nowhere."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2
import pytest

from scratchlab.render.html import templates


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bytecode would be kept."""
    monkeypatch.setattr(templates, "cache_from_source", lambda _: str(tmp_path / "templates.pyc"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    templates._environment.cache_clear()
    return tmp_path


def test_they_are_kept_beside_other_bytecode(place: Path) -> None:
    templates._environment().get_template("parts.html.j2")
    (kept,) = place.glob("*.jinja2")
    before = kept.stat().st_mtime_ns
    templates._environment.cache_clear()
    templates._environment().get_template("parts.html.j2")
    assert kept.stat().st_mtime_ns == before


def test_nothing_is_kept_where_python_keeps_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    templates._environment().get_template("parts.html.j2")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(templates, "cache_from_source", lambda _: "/nowhere/templates.pyc")
    templates._environment.cache_clear()
    templates._environment().get_template("parts.html.j2")
    assert not list(place.iterdir())


def test_a_place_that_is_full_costs_only_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(jinja2.FileSystemBytecodeCache, "dump_bytecode", full)
    assert templates._environment().get_template("parts.html.j2").name == "parts.html.j2"
