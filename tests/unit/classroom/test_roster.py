"""A roster: what spreadsheets write is read, and what cannot be is one line that says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab.classroom.roster import (
    NOBODY,
    Roster,
    Student,
    merged,
    parse_roster,
    read_roster,
    roster_of_variables,
)
from scratchlab.errors import LabError

HOSTS = ("desk01", "desk02", "desk03")
ANNA = Student("Anna Müller", "4711", "anna@example.org")
BEN = Student("Ben, the second", "4712", "ben@example.org")


def parsed(text: str | bytes) -> Roster:
    content = text.encode() if isinstance(text, str) else text
    return parse_roster(content, "roster.csv", HOSTS)


@pytest.mark.parametrize(
    "text",
    [
        "host,name,id,email\n"
        "desk01,Anna Müller,4711,anna@example.org\n"
        'desk02,"Ben, the second",4712,ben@example.org\n',
        # As Excel writes it where a comma is the decimal sign: semicolons, BOM, CRLF, empty rows.
        "\ufeffHost;Name;ID;E-Mail\r\n"
        "desk01;Anna Müller;4711;anna@example.org\r\n"
        "desk02;Ben, the second;4712;ben@example.org\r\n;;;\r\n\r\n",
        "sep=;\nhost;name;id;email\n"
        "desk01;Anna Müller;4711;anna@example.org\n"
        "desk02;Ben, the second;4712;ben@example.org",
        # Another order, a column of the school's own, tabs, spaces around values.
        "email\tgroup\tid\tname\thost\n"
        "anna@example.org\tA\t4711\t Anna  Müller \tdesk01\n"
        "ben@example.org\tA\t4712\tBen, the second\t desk02\n",
    ],
)
def test_what_people_and_spreadsheets_write_is_read(text: str) -> None:
    roster = parsed(text)
    assert roster.students == {"desk01": ANNA, "desk02": BEN}
    assert roster.of("desk01") == ANNA
    assert roster.of("desk03") == NOBODY
    assert bool(roster)


def test_cells_may_be_empty_or_left_out_at_the_end() -> None:
    roster = parsed("host,name,id,email\ndesk01,Anna\ndesk02,,4712,\n")
    assert roster.students == {"desk01": Student("Anna"), "desk02": Student("", "4712", "")}
    assert [student.label for student in roster.students.values()] == ["Anna", "4712"]


HEAD = "host,name,id,email\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "roster.csv is empty; its first line names host, name, id, email"),
        ("desk01,Anna,1,a@b\n", "roster.csv has no column host, name, id, email; its first line"),
        ("host,name,number\n", "roster.csv has no column id, email; its first line has to name"),
        ("host,name,id,email,Name\n", "roster.csv has two columns name; remove or rename one"),
        (HEAD + ",Anna,1,a@b\n", "roster.csv, line 2 names no host; add the machine's name"),
        (
            HEAD + "desk01,A,1,\n\ndesk1,B,2,\n",
            "roster.csv, line 4: the inventory has no host desk1; did you mean desk01?",
        ),
        (HEAD + "zebra,B,2,\n", "line 2: the inventory has no host zebra; take the line out"),
        (
            HEAD + "desk01,A,1,\ndesk01,B,2,\n",
            "line 3: the host desk01 stands on line 2 already; a machine has one student",
        ),
        (HEAD + "desk01,A,7,\ndesk02,B,7,\n", "line 3: the id 7 stands on line 2 already"),
        (HEAD + "desk01,A,,a@B\ndesk02,B,,A@b\n", "line 3: the email A@b stands on line 2"),
        (
            HEAD + "desk01,Müller, Anna,4711,anna@example.org\n",
            "line 2 has 5 cells for 4 columns; write a text that holds ',' as \"...\"",
        ),
        (HEAD + 'desk01,"Anna,1,\n', "is not CSV: unexpected end of data; save it again"),
        (HEAD.encode() + b"desk01,M\xfcller,1,\n", "is not in UTF-8 (byte 28); save it again as"),
        ("host,name".encode("utf-16"), "is not in UTF-8 (byte 1); save it again as UTF-8"),
        (b"x" * (1 << 20) + b"x", "roster.csv is larger than 1 MiB"),
    ],
)
def test_what_is_no_roster_is_one_line_that_says_why(text: str | bytes, expected: str) -> None:
    with pytest.raises(LabError) as raised:
        parsed(text)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_hostile_values_are_printable_and_have_one_line() -> None:
    roster = parsed(HEAD + '"desk01","An\x1b[31mna\nMüller\u202e","=1+1",\n')
    assert roster.of("desk01") == Student("An\\x1b[31mna Müller\\u202e", "=1+1", "")


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("none.csv", "No such file"), (".", "Is a directory")):
        with pytest.raises(LabError, match=f"cannot read the roster .*: {reason}"):
            read_roster(str(tmp_path / name), HOSTS)
    with pytest.raises(LabError, match="is empty"):  # and nobody waits for a writer
        read_roster(str(tmp_path / "pipe"), HOSTS)
    (tmp_path / "roster.csv").write_text(HEAD + "desk01,Anna,,\n")
    assert read_roster(str(tmp_path / "roster.csv"), HOSTS).of("desk01").name == "Anna"


def test_variables_of_the_inventory_are_a_roster_and_a_file_goes_first() -> None:
    variables: dict[str, dict[str, object]] = {
        "desk01": {"lab_student_name": "Other", "lab_student_id": 7},
        "desk02": {"lab_student_name": BEN.name, "lab_student_id": 4712, "ansible_user": "x",
                   "lab_student_email": BEN.email},
        "desk03": {"ansible_host": "192.0.2.3", "lab_student_name": None, "lab_student_id": True},
    }  # fmt: skip
    roster = roster_of_variables(variables)
    assert roster.students == {"desk01": Student("Other", "7"), "desk02": BEN}
    both = merged(Roster({"desk01": ANNA}), roster)
    assert both.students == {"desk01": ANNA, "desk02": BEN}
    assert not Roster()
