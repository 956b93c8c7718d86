"""What a student reached: one JSON file in their own ``~/.local/state``, saved after every act.

Its schema is published beside that of a report (report/schema/learn-1.schema.json), because others
read the file: the page of a room, a course tool. The first result of a step and the best one are
both kept; nothing that comes later lowers either.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scratchlab import __version__
from scratchlab.atomic import atomic_write
from scratchlab.errors import LabError
from scratchlab.learn import status
from scratchlab.learn.place import Student, state_directory
from scratchlab.learn.steps import Step

SCHEMA = "scratchlab-learn-1"
FILE = "learn.json"
MOST_BYTES = 4 << 20
STATES = ("open", "done", "told", "given-up")

Record = dict[str, Any]


def state_file(student: Student) -> str:
    """The file of ``student``."""
    return os.path.join(state_directory(student), FILE)


def now() -> str:
    """The time as ISO 8601, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(slots=True)
class Store:
    """The record of one student; :meth:`save` writes it."""

    student: Student
    path: str
    record: Record
    _touched: set[tuple[str, str]] = field(default_factory=set)
    _current: str = ""

    @classmethod
    def open(cls, student: Student) -> Store | None:
        """The student's store; None where the path was not begun. Raises LabError."""
        path = state_file(student)
        with student.rights():
            try:
                with open(path, "rb") as file:
                    record = json.loads(file.read(MOST_BYTES))
                _validate(record)
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                raise LabError(f"cannot read {path}: {error.strerror}") from error
            except (ValueError, RecursionError) as error:
                what = f"damaged: {path} ({' '.join(str(error).split())[:80]})"
                raise LabError(
                    what, f"move it away, and begin again: mv {path} {path}.old"
                ) from error
        return cls(student, path, record, _current=record["current"])

    @classmethod
    def begin(cls, student: Student, *, host: str, word: str, directory: str, first: str) -> Store:
        """A new store, written. ``word`` begins the student's names, ``first`` is a step's id."""
        record: Record = {
            "schema": SCHEMA,
            "tool": __version__,
            "user": student.name,
            "host": host,
            "word": word,
            "directory": directory,
            "started": now(),
            "updated": now(),
            "current": first,
            "points": 0,
            "of": 0,
            "steps": {},
            "quizzes": {},
            "exercises": {},
        }
        store = cls(student, state_file(student), record)
        store.save(())
        return store

    def save(self, steps: tuple[Step, ...]) -> None:
        """Write the record, whole or not at all. Raises LabError.

        Of what another terminal has saved meanwhile nothing is lost: only the entries that this
        one asked for are replaced.
        """
        with self.student.rights():
            try:
                os.makedirs(os.path.dirname(self.path), mode=0o755, exist_ok=True)
                directory = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY)
            except OSError as error:
                raise LabError(f"cannot write {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            self._take_over(Store.open(self.student))
            self._write(steps)
        finally:
            os.close(directory)
        if steps:
            status.publish(self.student, self.record, steps)

    def _take_over(self, saved: Store | None) -> None:
        """Take what is saved now for all that this store did not ask for."""
        if saved is None or saved.record["started"] != self.record["started"]:
            return
        for kind in ("steps", "quizzes", "exercises"):
            mine = {key: self.record[kind][key] for part, key in self._touched if part == kind}
            self.record[kind].clear()
            self.record[kind].update({**saved.record[kind], **mine})
        if self.record["current"] == self._current:
            self.record["current"] = saved.record["current"]

    def _write(self, steps: tuple[Step, ...]) -> None:
        self.record["updated"] = now()
        if steps:
            self.record["of"] = sum(step.points for step in steps)
            known = [self.record["steps"].get(step.id, {}) for step in steps]
            self.record["points"] = sum(entry.get("best", 0) for entry in known)
        _validate(self.record)
        with self.student.rights(), atomic_write(self.path, only_files=True) as out:
            json.dump(self.record, out, indent=1, sort_keys=True)
            out.write("\n")

    def remove(self) -> None:
        """Remove the file and the status: no old result survives. Raises LabError."""
        status.remove(self.student)
        with self.student.rights():
            try:
                os.unlink(self.path)
                os.rmdir(os.path.dirname(self.path))
            except FileNotFoundError:
                pass
            except OSError as error:
                if os.path.lexists(self.path):
                    what = f"cannot remove {self.path}: {error.strerror}"
                    raise LabError(what) from error

    def of(self, step: Step) -> Record:
        """The entry of ``step``, made where there is none."""
        self._touched.add(("steps", step.id))
        entry: Record = self.record["steps"].setdefault(
            step.id,
            {
                "state": "open",
                "started": now(),
                "ended": "",
                "hints": 0,
                "tries": [],
                "first": 0,
                "best": 0,
                "of": step.points,
                "kept": {},
            },
        )
        return entry

    def answers(self, kind: str, key: str) -> Record:
        """The answers to a quiz or an exercise (``kind``: ``quizzes``, ``exercises``) by its key.

        The key names what was drawn: another seed or level is another one, with its own tries.
        """
        self._touched.add((kind, key))
        empty: Record = {"tries": {}, "hints": [], "points": 0, "first": 0, "of": 0, "ended": False}
        entry: Record = self.record[kind].setdefault(key, empty)
        return entry

    def kept(self, step_id: str, key: str) -> str:
        """What an earlier step kept under ``key``, empty where it kept nothing."""
        return str(self.record["steps"].get(step_id, {}).get("kept", {}).get(key, ""))


def _validate(record: Record) -> None:
    """Raises ValueError where ``record`` is not as the schema says.

    By hand: fastjsonschema takes longer to import than all else that `learn show` does. A test
    compares this with the schema.
    """
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ValueError(f"not of schema {SCHEMA}")
    texts = dict.fromkeys(("user", "host", "word", "directory", "current"), str)
    parts = dict.fromkeys(("steps", "quizzes", "exercises"), dict)
    _validate_fields("the record", record, points=int, of=int, **texts, **parts)
    for name, entry in record["steps"].items():
        numbers = dict.fromkeys(("hints", "first", "best", "of"), int)
        _validate_fields(f"the step {name}", entry, tries=list, kept=dict, **numbers)
        if entry.get("state") not in STATES:
            raise ValueError(f"the step {name} has no known state")
    for kind in ("quizzes", "exercises"):
        for name, entry in record[kind].items():
            numbers = dict.fromkeys(("points", "first", "of"), int)
            _validate_fields(f"{kind} {name}", entry, tries=dict, hints=list, ended=bool, **numbers)


def _validate_fields(what: str, entry: Any, **kinds: type) -> None:
    fields = entry if isinstance(entry, dict) else {}
    wrong = [key for key, kind in kinds.items() if not isinstance(fields.get(key), kind)]
    if wrong:
        raise ValueError(f"{wrong[0]} of {what} is missing or of another type")
