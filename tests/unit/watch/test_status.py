"""A learner's status: what is written, and what is believed of what is read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scratchlab.classroom.status import (
    LONGEST_TEXT,
    MOST_BYTES,
    DamagedStatusError,
    HelpCall,
    Status,
    read_status,
    write_status,
)
from scratchlab.errors import LabError
from scratchlab.learn import status as learning
from scratchlab.learn.place import Student
from scratchlab.learn.steps import load_steps
from scratchlab.learn.store import Store, now

STEPS = load_steps(more="/nonexistent")
HOSTILE = "a\x1b[31m\r\nb\u202e\u2028c\x00<script>\ud800"


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Student:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return Student("anna", os.getuid(), os.getgid(), str(tmp_path), os.geteuid() == 0)


def written(student: Student) -> Status:
    return read_status(Path(learning.status_file(student)).read_bytes())


def begun(student: Student) -> Store:
    return Store.begin(student, host="desk01", word="anna", directory="/x", first="scratch")


def test_what_is_written_is_read_again() -> None:
    status = Status(
        "anna", "build", "Build it", 3, 16, 2, 1, 20, 194, 1_700_000_000, HelpCall(5, "why?")
    )
    assert read_status(write_status(status)) == status


def test_the_largest_status_is_within_its_size_and_printable() -> None:
    for text in ("\U0001f600" * 5000, HOSTILE * 100, "\\" * 5000, "\U000e0001" * 5000):
        content = write_status(Status(text, text, text, help=HelpCall(1, text)))
        assert len(content) <= MOST_BYTES
        found = read_status(content)
        assert found.help is not None
        assert len(found.help.text) <= LONGEST_TEXT
        assert all(value.isprintable() for value in (found.user, found.step, found.help.text))


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": "scratchlab-learning-9"},
        {"user": 1},
        {"number": -1},
        {"number": True},
        {"points": 1e3},
        {"since": 10**30},
        {"help": "yes"},
        {"help": {"since": 1}},
    ],
)
def test_what_is_no_status_is_damaged(damage: dict[str, Any]) -> None:
    record = json.loads(write_status(Status("anna"))) | damage
    with pytest.raises(DamagedStatusError):
        read_status(json.dumps(record).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 4000, b"\xff", b"0" * (MOST_BYTES + 1)])
def test_what_is_no_json_is_damaged(content: bytes) -> None:
    with pytest.raises(DamagedStatusError):
        read_status(content)


def test_hostile_texts_are_read_as_printable_ones() -> None:
    record = json.loads(write_status(Status("x"))) | {"user": HOSTILE}
    record["help"] = {"since": 0, "text": HOSTILE}
    found = read_status(json.dumps(record).encode())
    assert found.help is not None
    assert found.user.isprintable()
    assert found.help.text.isprintable()


def test_each_save_of_the_path_publishes_where_the_learner_is(student: Student) -> None:
    store = begun(student)
    store.of(STEPS[0])
    store.save(STEPS)
    assert written(student).step == "scratch"
    assert (written(student).number, written(student).steps) == (1, len(STEPS))
    entry = store.of(STEPS[0])
    entry["tries"] = [{"right": False}, {"right": False}]
    store.save(STEPS)
    assert written(student).wrong == 2
    entry |= {"state": "done", "best": 10, "ended": now()}
    store.record["current"] = STEPS[1].id
    store.save(STEPS)
    found = written(student)
    assert (found.step, found.number, found.ended, found.points) == (STEPS[1].id, 2, 1, 10)
    assert found.wrong == 0
    assert oct(os.stat(learning.status_file(student)).st_mode & 0o777) == "0o644"


def test_a_call_for_help_stays_until_it_is_taken_back(student: Student) -> None:
    assert not learning.take_back(student)
    first = learning.ask_for_help(student, "what is an\n\x1b[2J origin?")
    assert first.text == "what is an \\x1b[2J origin?"
    store = begun(student)
    store.of(STEPS[0])
    store.save(STEPS)
    assert written(student).help == first
    assert written(student).step == "scratch"
    again = learning.ask_for_help(student, "still")
    assert (again.since, again.text) == (first.since, "still")
    assert learning.take_back(student)
    assert written(student).help is None
    assert written(student).step == "scratch"
    assert not learning.take_back(student)


def test_reset_removes_the_status(student: Student) -> None:
    store = begun(student)
    store.of(STEPS[0])
    store.save(STEPS)
    store.remove()
    assert not os.path.lexists(learning.status_file(student))
    assert not os.path.lexists(os.path.dirname(store.path))


def test_a_record_written_by_hand_is_no_error(student: Student) -> None:
    store = begun(student)
    entry = store.of(STEPS[0])
    entry |= {"tries": [1, None, {}], "started": 7, "ended": "then"}
    store.save(STEPS)
    assert written(student).wrong == 1
    assert written(student).since == 0


def test_a_machine_of_the_lab_has_a_place_for_all(
    student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning.ask_for_help(student, "before there was a place")
    shared = tmp_path / "learning"
    shared.mkdir()
    monkeypatch.setattr(learning, "DIRECTORY", str(shared))
    learning.ask_for_help(student, "HOME is not the account's")
    assert list(shared.iterdir()) == []
    monkeypatch.setattr(learning, "_home_of", lambda _: student.home)
    learning.ask_for_help(student, "here")
    assert [file.name for file in shared.iterdir()] == [f"{student.uid}.json"]
    assert not os.path.lexists(os.path.join(student.home, ".local/state/scratchlab/learning.json"))


def test_a_link_in_place_of_the_status_is_not_followed(student: Student, tmp_path: Path) -> None:
    learning.ask_for_help(student, "")
    path = Path(learning.status_file(student))
    (tmp_path / "victim").write_text("mine")
    path.unlink()
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(LabError, match="it is a link"):
        learning.ask_for_help(student, "")
    store = begun(student)
    store.of(STEPS[0])
    store.save(STEPS)  # what cannot be shown does not stop the path
    assert (tmp_path / "victim").read_text() == "mine"
