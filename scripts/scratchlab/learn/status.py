"""Keep the status of a learner: what a person in front of the room may see (classroom.status)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from scratchlab.atomic import write_bytes
from scratchlab.classroom.status import (
    DIRECTORY,
    FILE,
    MOST_BYTES,
    DamagedStatusError,
    HelpCall,
    Status,
    read_status,
    short_text,
    write_status,
)
from scratchlab.errors import LabError
from scratchlab.learn.place import Student, find_student, state_directory
from scratchlab.learn.steps import Step

Record = dict[str, Any]


def status_file(student: Student) -> str:
    """The file of ``student``: in the machine's directory where there is one, else beside the
    results. Where HOME is not the account's home, it is not the account that learns.
    """
    if os.path.isdir(DIRECTORY) and student.home == _home_of(student.uid):
        return os.path.join(DIRECTORY, f"{student.uid}.json")
    return _own_file(student)


def _own_file(student: Student) -> str:
    return os.path.join(state_directory(student), FILE)


def _home_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return ""


def publish(student: Student, record: Record, steps: Sequence[Step]) -> None:
    """Write where the learner is. A call for help stays. What cannot be written is left out: the
    record itself is saved.
    """
    with contextlib.suppress(LabError):
        _change(student, lambda old: replace(_where(student, record, steps), help=old.help))


def ask_for_help(student: Student, text: str) -> HelpCall:
    """Keep that the learner asks for help; who asked before keeps the time. Raises LabError."""
    called = HelpCall(int(time.time()), short_text(text))

    def ask(old: Status) -> Status:
        return replace(old, help=replace(called, since=old.help.since) if old.help else called)

    return _change(student, ask).help or called


def take_back(student: Student) -> bool:
    """Keep that the learner asks no more. Returns whether they had asked. Raises LabError."""
    before: list[HelpCall | None] = []

    def forget(old: Status) -> Status:
        before.append(old.help)
        return replace(old, help=None)

    if not os.path.lexists(status_file(student)):
        return False
    _change(student, forget)
    return before[0] is not None


def note_act() -> None:
    """Keep that the learner typed a command just now: it is the time of their status file."""
    student = find_student()
    with student.rights(), contextlib.suppress(OSError):
        os.utime(status_file(student), follow_symlinks=False)


def remove(student: Student) -> None:
    """Remove the file. Raises LabError."""
    with student.rights():
        for path in {status_file(student), _own_file(student)}:
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                raise LabError(f"cannot remove {path}: {error.strerror}") from error


def _change(student: Student, change: Callable[[Status], Status]) -> Status:
    """Write what ``change`` makes of the status; two terminals do it one after the other.

    Raises LabError.
    """
    path = status_file(student)
    with student.rights():
        try:
            with _locked(student):
                status = change(_load(student, path))
                if os.path.islink(path):
                    raise LabError(f"cannot write {path}: it is a link", f"rm {path}")
                write_bytes(path, write_status(status))
                if path != _own_file(student):  # of the time before there was the other directory
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(_own_file(student))
        except OSError as error:
            raise LabError(f"cannot write {path}: {error.strerror}", f"ls -l {path}") from error
    return status


@contextlib.contextmanager
def _locked(student: Student) -> Iterator[None]:
    """Hold the lock of the learner's own directory. Raises OSError."""
    own = state_directory(student)
    os.makedirs(own, mode=0o755, exist_ok=True)
    lock = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _load(student: Student, path: str) -> Status:
    """The status in ``path``; an empty one where there is none, or a damaged one."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            found = read_status(file.read(MOST_BYTES + 1))
    except (OSError, DamagedStatusError):
        return Status(student.name)
    return replace(found, user=student.name)


def _where(student: Student, record: Record, steps: Sequence[Step]) -> Status:
    """Where the learner is by their ``record``."""
    entries: dict[str, Record] = record["steps"]
    here = next((step for step in steps if step.id == record["current"]), steps[0])
    present = entries.get(here.id, {})
    known = [entries.get(step.id, {}) for step in steps]
    tries = present.get("tries", ())
    times = [present.get("started", ""), *(entry.get("ended", "") for entry in known)]
    return Status(
        user=student.name,
        step=here.id,
        title=here.title,
        number=steps.index(here) + 1,
        steps=len(steps),
        ended=sum(entry.get("state", "open") != "open" for entry in known),
        wrong=sum(isinstance(made, dict) and not made.get("right") for made in tries),
        points=max(record["points"], 0),
        of=max(record["of"], 0),
        since=max(map(_seconds, times)),
    )


def _seconds(moment: object) -> int:
    """Seconds since the epoch of an ISO 8601 time; 0 where there is none."""
    try:
        return max(int(datetime.fromisoformat(str(moment)).timestamp()), 0)
    except (ValueError, OverflowError):
        return 0
