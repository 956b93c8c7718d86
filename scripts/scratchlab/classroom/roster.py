"""Who sits at which machine: from a CSV file or from variables of the inventory.

A roster has one student for a machine, and one machine for a student. The CSV begins with a line
that names its columns, in any order and case, ``host,name,id,email`` among them; further columns
are left alone. Spreadsheets write it with commas, semicolons or tabs, with a byte order mark, and
with ``sep=;`` in the first line: all of that is read.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from scratchlab.errors import LabError
from scratchlab.text import visible

COLUMNS = ("host", "name", "id", "email")
VARIABLES = {"name": "lab_student_name", "id": "lab_student_id", "email": "lab_student_email"}
MOST_BYTES = 1 << 20  # of the file: some ten thousand students
LONGEST = 200  # characters of one value
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Student:
    """One student; what is not known is empty. The texts are printable and have one line."""

    name: str = ""
    id: str = ""  # the number or account by which a school's records know the student
    email: str = ""

    @property
    def label(self) -> str:
        """What to call the student: the name, otherwise id or e-mail."""
        return self.name or self.id or self.email


NOBODY = Student()


@dataclass(frozen=True, slots=True)
class Roster:
    """The students of a class by the name of their machine in the inventory."""

    students: Mapping[str, Student] = field(default_factory=dict)

    def of(self, host: str) -> Student:
        """The student at the machine ``host``; one without a name where nobody is known."""
        return self.students.get(host, NOBODY)

    def __bool__(self) -> bool:
        return bool(self.students)


def read_roster(path: str, hosts: Collection[str]) -> Roster:
    """Read the CSV file ``path`` for the machines ``hosts`` (names in the inventory).

    Raises LabError where it cannot be read or says something that is not possible.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LabError(
            f"cannot read the roster {visible(path)}: {error.strerror}", "name a CSV file"
        ) from error
    return parse_roster(content, visible(path), hosts)


def parse_roster(content: bytes, file: str, hosts: Collection[str]) -> Roster:
    """The roster in ``content``, a CSV file called ``file``, for the machines ``hosts``.

    Raises LabError, in one line with the number of the line, where it is not a roster, names a
    machine that is not in ``hosts``, or names a machine or a student twice.
    """
    if len(content) > MOST_BYTES:
        raise LabError(f"{file} is larger than {MOST_BYTES >> 20} MiB", "name a roster")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        remedy = "save it again as UTF-8 (a spreadsheet calls that: CSV UTF-8)"
        raise LabError(f"{file} is not in UTF-8 (byte {error.start + 1})", remedy) from None
    students: dict[str, Student] = {}
    lines: dict[tuple[str, str], int] = {}  # column and value -> line on which it stands
    for number, row in _rows(text, file):
        host = row["host"]
        where = f"{file}, line {number}"
        if not host:
            raise LabError(f"{where} names no host", "add the machine's name in the inventory")
        if host not in hosts:
            raise LabError(f"{where}: the inventory has no host {host}", _similar(host, hosts))
        for column in ("host", "id", "email"):
            value = row[column].casefold() if column == "email" else row[column]
            if value and (column, value) in lines:
                first = lines[column, value]
                what = f"{where}: the {column} {row[column]} stands on line {first} already"
                raise LabError(what, "a machine has one student, and a student one machine")
            lines[column, value] = number
        students[host] = Student(row["name"], row["id"], row["email"])
    return Roster(students)


def roster_of_variables(variables: Mapping[str, Mapping[str, object]]) -> Roster:
    """The roster in ``variables`` of the inventory, by machine: :data:`VARIABLES`."""
    students = {}
    for host, known in variables.items():
        values = {key: _value(known.get(variable)) for key, variable in VARIABLES.items()}
        if any(values.values()):
            students[host] = Student(**values)
    return Roster(students)


def merged(first: Roster, second: Roster) -> Roster:
    """Both rosters; where both know a machine, ``first`` counts."""
    return Roster({**second.students, **first.students})


def _rows(text: str, file: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The lines of the table with their numbers, by column; empty lines are left out."""
    first, _, rest = text.partition("\n")
    skipped, delimiter = 0, ""
    if first.strip().casefold().startswith("sep=") and len(first.strip()) == len("sep=;"):
        skipped, delimiter, text = 1, first.strip()[-1], rest
        first = text.partition("\n")[0]
    delimiter = delimiter or max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: Sequence[str] = ()
    try:
        for cells in reader:
            number = reader.line_num + skipped
            values = [_value(cell) for cell in cells]
            if not any(values):
                continue
            if not columns:
                columns = _columns(values, file)
                continue
            if any(values[len(columns) :]):
                what = f"{file}, line {number} has {len(values)} cells for {len(columns)} columns"
                raise LabError(what, f'write a text that holds {delimiter!r} as "..."')
            padded = [*values, *[""] * len(columns)]
            yield number, dict(zip(columns, padded, strict=False))
    except csv.Error as error:
        what = f"{file}, line {reader.line_num + skipped} is not CSV: {error}"
        raise LabError(what, "save it again from the spreadsheet as CSV") from None
    if not columns:
        raise LabError(f"{file} is empty", f"its first line names {', '.join(COLUMNS)}")


def _columns(values: Sequence[str], file: str) -> Sequence[str]:
    """The names of the columns, of which each of :data:`COLUMNS` is there once."""
    columns = ["email" if name in ("e-mail", "mail") else name for name in map(str.lower, values)]
    absent = [name for name in COLUMNS if name not in columns]
    if absent:
        remedy = f"its first line has to name {', '.join(COLUMNS)}; cells below may be empty"
        raise LabError(f"{file} has no column {', '.join(absent)}", remedy)
    twice = next((name for name in COLUMNS if columns.count(name) > 1), None)
    if twice:
        raise LabError(f"{file} has two columns {twice}", "remove or rename one of them")
    return columns


def _value(value: object) -> str:
    """A value as one printable line, without spaces around it."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return visible(" ".join(str(value).split()))[:LONGEST].replace("\\\\", "\\")


def _similar(host: str, hosts: Collection[str]) -> str:
    similar = get_close_matches(host, sorted(hosts), 1, 0.6)
    if similar:
        return f"did you mean {visible(similar[0])}?"
    return "take the line out, or add the machine to the inventory"
