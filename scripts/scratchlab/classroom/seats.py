"""The seats of a class: each machine with its student and with what the student logs in with.

``./lab`` makes them from the inventory and the roster before a run, and keeps them in
``reports/roster.json``, mode 0600, for pages, cards and the gradebook.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scratchlab.atomic import atomic_write
from scratchlab.classroom.roster import VARIABLES, Roster, Student, roster_of_variables
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.text import printable, visible

SCHEMA = "scratchlab-roster-1"
FILE = "roster.json"
PRIVATE = 0o600  # the mode of every file that holds a student's name or points
# Nothing of Ansible's own: its password and its key are the instructor's.
_LOGIN = ("lab_student_user", "lab_student_password", "lab_student_key")


@dataclass(frozen=True, slots=True)
class Seat:
    """One machine of a class; what is not known is empty. ``key`` is the name of a key's file, as
    the student has it. The texts are printable.
    """

    host: str
    student: Student = Student()  # noqa: RUF009 - frozen
    address: str = ""
    user: str = ""
    port: str = ""
    key: str = ""
    password: str = ""

    @property
    def login(self) -> str:
        """The command that logs in."""
        words = ["ssh"]
        words += ["-i", self.key] if self.key else []
        words += ["-p", self.port] if self.port else []
        account = f"{self.user}@" if self.user else ""
        return shlex.join([*words, account + (self.address or self.host)])


def hosts_of(listed: Mapping[str, Any]) -> list[str]:
    """The machines in the output of ``ansible-inventory --list``, in the inventory's order."""
    return list(dict.fromkeys(_members(listed, "all", set())))


def _members(listed: Mapping[str, Any], group: str, seen: set[str]) -> Iterator[str]:
    if group not in seen:
        seen.add(group)
        found = listed.get(group, {})
        yield from found.get("hosts", ())
        for child in found.get("children", ()):
            yield from _members(listed, child, seen)


def seats_of(listed: Mapping[str, Any], roster: Roster) -> tuple[Seat, ...]:
    """The seats in the output of ``ansible-inventory --list``; ``roster`` goes before variables.

    Raises LabError for a variable that cannot be taken as it stands.
    """
    known = variables_of(listed)
    by_variables = roster_of_variables(known)
    seats = []
    for host in hosts_of(listed):
        variables = known.get(host, {})
        for name in (*VARIABLES.values(), *_LOGIN):
            if "{{" in str(variables.get(name, "")):
                raise LabError(f"{name} of {visible(host)} is a template", "write its value")
        user, password, key = (_text(variables.get(name)) for name in _LOGIN)
        seats.append(
            Seat(
                host=host,
                student=roster.students.get(host) or by_variables.of(host),
                address=_text(variables.get("ansible_host")),
                user=user or _text(variables.get("ansible_user")),
                port=_text(variables.get("ansible_port")),
                key=key,
                password=password,
            )
        )
    return tuple(seats)


def variables_of(listed: Mapping[str, Any]) -> dict[str, Mapping[str, object]]:
    """The variables of each machine in the output of ``ansible-inventory --list``."""
    return dict(listed.get("_meta", {}).get("hostvars", {}))


def _text(value: object) -> str:
    """A variable as printable text in one line; empty for what is none (an encrypted value)."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return "" if "{{" in text else printable(text).replace("\n", " ")


def save_seats(directory: str, seats: Sequence[Seat]) -> None:
    """Keep ``seats`` in the reports ``directory``. Raises LabError."""
    path = os.path.join(directory, FILE)
    with atomic_write(path, only_files=True, mode=PRIVATE) as out:
        json.dump({"schema": SCHEMA, "seats": [asdict(seat) for seat in seats]}, out, indent=1)


def seats_by_host(data: Json | None) -> Mapping[str, Seat]:
    """The seats in what :func:`save_seats` wrote, by machine; what is damaged is left out."""
    found = {}
    listed = data.get("seats") if data else None
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and isinstance(item.get("host"), str):
            known = item.get("student")
            student = known if isinstance(known, dict) else {}
            names = ("address", "user", "port", "key", "password")
            found[item["host"]] = Seat(
                item["host"],
                Student(*(_text(student.get(key)) for key in ("name", "id", "email"))),
                *(_text(item.get(key)) for key in names),
            )
    return found
