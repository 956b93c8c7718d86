"""The store of a student: whole or not at all, as its schema says, and their own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from scratchlab.errors import LabError
from scratchlab.learn.place import Student, find_student
from scratchlab.learn.steps import load_steps
from scratchlab.learn.store import Store, state_file
from scratchlab.report.file import schema

STEPS = load_steps(more="/nonexistent")


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Student:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return Student("anna", os.getuid(), os.getgid(), str(tmp_path), os.geteuid() == 0)


def begun(student: Student) -> Store:
    return Store.begin(student, host="desk01", word="anna", directory="/x", first="scratch")


def test_store_is_as_its_schema_says(student: Student) -> None:
    store = begun(student)
    store.of(STEPS[0])
    store.answers("quizzes", "desk01")
    store.save(STEPS)
    again = Store.open(student)
    assert again is not None
    assert again.record == store.record
    fastjsonschema.compile(schema("scratchlab-learn-1"))(again.record)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: [],
        lambda record: {**record, "schema": "scratchlab-learn-9"},
        lambda record: {**record, "points": "many"},
        lambda record: {**record, "steps": {"scratch": {"state": "won"}}},
        lambda record: {**record, "quizzes": {"a": 1}},
    ],
)
def test_damaged_store_is_one_clear_error_and_stays(student: Student, damage: Any) -> None:
    store = begun(student)
    damaged = damage(store.record)
    Path(store.path).write_text(json.dumps(damaged))
    with pytest.raises(LabError, match="damaged"):
        Store.open(student)
    assert json.loads(Path(store.path).read_text()) == damaged
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        fastjsonschema.compile(schema("scratchlab-learn-1"))(damaged)


def test_two_terminals_lose_nothing_of_each_other(student: Student) -> None:
    begun(student)
    one, two = Store.open(student), Store.open(student)
    assert one is not None
    assert two is not None
    one.of(STEPS[0])["best"] = 7
    one.record["current"] = "build"
    one.save(STEPS)
    two.of(STEPS[1])["best"] = 5
    two.save(STEPS)
    found = Store.open(student)
    assert found is not None
    assert {name: entry["best"] for name, entry in found.record["steps"].items()} == {
        "scratch": 7, "dockerfile": 5,
    }  # fmt: skip
    assert (found.record["current"], found.record["points"]) == ("build", 12)


def test_reset_leaves_no_file(student: Student) -> None:
    store = begun(student)
    store.remove()
    assert Store.open(student) is None
    assert not Path(store.path).parent.exists()
    store.remove()


def test_full_disk_keeps_the_old_state(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    store = begun(student)
    before = Path(store.path).read_text()
    monkeypatch.setattr("json.dump", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(LabError):
        store.save(STEPS)
    assert Path(store.path).read_text() == before


def test_sudo_is_the_same_path_as_the_students_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "65534")
    found = find_student()
    assert (found.uid, found.root) == (65534, True)
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert state_file(found).startswith(found.home)


@pytest.mark.parametrize(("name", "word"), [("anna", "anna"), ("Anna.B", "anna-b"), ("root", "my")])
def test_names_begin_with_the_accounts(name: str, word: str) -> None:
    assert Student(name, 1, 1, "/", False).word == word


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another account")
def test_root_reads_with_the_students_rights(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    student = Student("nobody", 65534, 65534, str(tmp_path), True)
    with student.rights(), pytest.raises(PermissionError):
        secret.read_text()
    assert secret.read_text() == "x"
