"""Students: named where their results stand and on their own card, for the owner alone to read."""

from __future__ import annotations

import csv
import html
import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import Reports, made

from scratchlab.classroom.grading import grade, quiz_section
from scratchlab.classroom.roster import Roster, Student
from scratchlab.classroom.seats import Seat, hosts_of, save_seats, seats_by_host, seats_of
from scratchlab.classroom.worksheet import draw_worksheet
from scratchlab.cli.classroom import EXPORTS, OUTPUTS, build_classroom
from scratchlab.errors import LabError
from scratchlab.report import Report

ROOT = Path(__file__).resolve().parents[3]
ANNA = Student("Anna Müller", "4711", "anna@example.org")
BEN = Student("=cmd|' /C calc'!A0", "+4712", "ben@example.org")


def answered(host: str, right: int) -> Report:
    """A report of ``host`` with a quiz of which ``right`` questions were answered rightly."""
    report = made(host)
    worksheet = draw_worksheet(report, host)
    given = {question.path: [question.answer] for question in worksheet.questions[:right]}
    section = quiz_section(grade(worksheet, given), report, "2026-03-02T10:00:00+00:00")
    return made(host, quiz=dict(section))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    reports = Reports(tmp_path / "reports")
    reports.machine("desk01", answered("desk01", 3))
    reports.machine("desk02")
    reports.machine("desk03", report=None, state="unreachable", reason="no route to host")
    reports.machine("desk04")
    seats = (
        Seat("desk01", ANNA, "192.0.2.11", "student", "2222", password="Tulip-7"),
        Seat("desk02", BEN, "192.0.2.12", "student", key="room-key"),
        Seat("desk03", Student(email="cleo@example.org")),
        Seat("desk04"),
    )
    path = reports.finish()
    save_seats(str(path), seats)
    build_classroom(str(path))
    return path


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text("utf-8").splitlines()))


def test_gradebook_has_the_student_and_the_points_beside_the_machine(room: Path) -> None:
    table = list(csv.DictReader((room / "room.csv").read_text("utf-8").splitlines()))
    anna, ben, cleo, nobody = table
    assert (anna["machine"], anna["name"], anna["id"]) == ("desk01", "Anna Müller", "4711")
    assert (anna["points"], anna["points of"]) == ("6", "24")
    assert (anna["passed"], anna["checks"]) == ("12", "12")
    # The machine is as it should be; the student has not begun.
    assert (ben["passed"], ben["points"], ben["points of"]) == ("12", "", "")
    assert (cleo["email"], cleo["state"]) == ("cleo@example.org", "unreachable")
    assert (nobody["name"], nobody["id"], nobody["email"]) == ("", "", "")


def test_learning_platforms_get_their_columns_and_nobody_without_an_identity(room: Path) -> None:
    assert rows(room / "moodle.csv") == [
        ["ID number", "Full name", "Email address", "scratchlab quiz", "scratchlab exercise"],
        ["4711", "Anna Müller", "anna@example.org", "6", ""],
        ["'+4712", "'=cmd|' /C calc'!A0", "ben@example.org", "", ""],
        ["", "", "cleo@example.org", "", ""],
    ]
    quiz = ["scratchlab quiz", "scratchlab exercise"]
    assert rows(room / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *quiz],
        ["    Points Possible", "", "", "", "", "24", ""],
        ["Anna Müller", "", "4711", "anna@example.org", "", "6", ""],
        ["'=cmd|' /C calc'!A0", "", "'+4712", "ben@example.org", "", "", ""],
        ["cleo@example.org", "", "", "cleo@example.org", "", "", ""],
    ]


def test_no_cell_is_a_formula(room: Path) -> None:
    for name in ("room.csv", *EXPORTS):
        for row in rows(room / name):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_card_has_its_own_student_and_no_other(room: Path) -> None:
    page = html.unescape((room / "cards.html").read_text("utf-8"))
    cards = page.split('class="card"')[1:]
    assert len(cards) == 4
    first, second, third, fourth = (re.sub("<[^>]*>", " ", card) for card in cards)
    assert "Anna Müller" in first
    assert "ssh -p 2222 student@192.0.2.11" in first
    assert "Tulip-7" in first
    assert "ssh -i room-key student@192.0.2.12" in second
    for secret in ("Anna", "Tulip-7", "4711"):
        assert [secret in card for card in cards] == [True, False, False, False]
    assert "cleo@example.org" in third
    assert "desk04" in fourth


def test_age_is_that_of_the_experiments_and_not_of_a_later_look(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "reports")
    reports.machine("desk01", checked="2026-03-01T08:00:00+00:00")
    reports.machine("desk02", checked="2026-03-01T08:00:00+00:00", report=None, state="failed")
    build_classroom(str(reports.finish()))
    page = (reports.directory / "index.html").read_text("utf-8")
    assert re.findall('<time datetime="(.*?)"', page) == [
        "2026-03-01T08:00:00+00:00",
        "2026-03-02T09:00:00+00:00",  # no result: when it failed
    ]


def test_worksheet_and_page_name_the_student(room: Path) -> None:
    sheet = (room / "desk01" / "worksheet.html").read_text("utf-8")
    assert "Name <span>Anna Müller</span>" in sheet
    page = html.unescape((room / "index.html").read_text("utf-8"))
    row = page[page.index('id="m-1"') : page.index('id="m-2"')]
    assert "Anna Müller" in row
    assert "6 of 24" in row
    assert "12 of 12" in row
    trouble = page[page.index('id="help"') : page.index('id="differences"')]
    assert "desk03</a> (cleo@example.org)" in trouble
    for name in ("room.csv", "moodle.csv", "canvas.csv", "room.xml", "room.tap"):
        assert f'href="{name}"' in page


def test_what_holds_names_or_points_is_for_the_owner_alone(room: Path) -> None:
    for name in ("roster.json", "cards.html", "key.html", *OUTPUTS, *EXPORTS):
        assert mode(room / name) == 0o600, name
    assert mode(room / "desk01" / "report.json") == 0o600
    assert mode(room / "desk01" / "worksheet.html") == 0o600


def test_without_students_files_stay_readable_and_no_export_is_left(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "reports")
    reports.machine("desk01")
    path = reports.finish()
    (path / "moodle.csv").write_text("of an earlier roster")
    build_classroom(str(path))
    assert mode(path / "room.csv") == 0o644
    assert not (path / "moodle.csv").exists()
    assert not (path / "canvas.csv").exists()
    assert "moodle" not in (path / "index.html").read_text("utf-8")


def test_damaged_roster_is_a_fault_of_the_room_and_not_of_a_machine(room: Path) -> None:
    (room / "roster.json").write_text("{")
    built = build_classroom(str(room))
    assert built.passed == 3
    assert any("roster.json is damaged" in fault for fault in built.faults)
    assert seats_by_host({"seats": [1, {"host": 2}, {"host": "a", "student": 3}]}) == {
        "a": Seat("a")
    }


LISTED: dict[str, Any] = {
    "_meta": {
        "hostvars": {
            "desk01": {
                "ansible_host": "192.0.2.11", "ansible_user": "root", "ansible_port": 2222,
                "ansible_password": "SECRET", "ansible_ssh_private_key_file": "~/.ssh/SECRET",
                "lab_student_user": "anna", "lab_student_password": "Tulip-7",
                "lab_student_name": "Anna",
            },
            "desk02": {"lab_student_password": {"__ansible_vault": "$ANSIBLE_VAULT"}},
        }
    },
    "all": {"children": ["room", "ungrouped"]},
    "room": {"hosts": ["desk02", "desk01"], "children": ["all"]},
}  # fmt: skip


def test_seats_have_what_is_meant_for_students_and_nothing_of_the_instructors() -> None:
    assert hosts_of(LISTED) == ["desk02", "desk01"]
    ben, anna = seats_of(LISTED, Roster({"desk02": Student("Ben")}))
    assert anna == Seat("desk01", Student("Anna"), "192.0.2.11", "anna", "2222", password="Tulip-7")
    assert ben == Seat("desk02", Student("Ben"))
    assert "SECRET" not in repr((ben, anna))


def test_template_is_named_and_not_printed_on_a_card() -> None:
    listed = {**LISTED, "_meta": {"hostvars": {"desk01": {"lab_student_password": "{{ word }}"}}}}
    with pytest.raises(LabError, match="lab_student_password of desk01 is a template; write its"):
        seats_of(listed, Roster())


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A directory as ./lab has it, with an inventory of two machines."""
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    inventory = {"all": {"hosts": {"desk01": {"ansible_host": "192.0.2.1"}, "desk02": {}}}}
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "classroom.yml").write_text(json.dumps(inventory))
    return tmp_path


def cards(lab: Path, *options: str, verb: str = "cards") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/room.py"), verb, str(lab),
         "-i", str(lab / "inventory" / "classroom.yml"), *options],
        capture_output=True, text=True, check=False, cwd=lab,
    )  # fmt: skip


def test_cards_are_made_without_a_run(lab: Path) -> None:
    roster = lab / "inventory" / "roster.csv"
    roster.write_text("host;name;id;email\ndesk01;Anna;4711;\n")
    done = cards(lab, "--limit", "desk01")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"2 cards, 1 with a name, two on a page: {lab}/reports/cards.html\n"
    assert "others can read" in done.stderr
    assert "Anna" in (lab / "reports" / "cards.html").read_text()
    assert mode(lab / "reports" / "cards.html") == mode(lab / "reports" / "roster.json") == 0o600
    roster.chmod(0o600)
    assert cards(lab).stderr == ""


def test_roster_that_is_wrong_ends_the_run_before_it_begins(lab: Path) -> None:
    roster = lab / "mine.csv"
    roster.write_text("host,name,id,email\ndask01,Anna,,\n")
    roster.chmod(0o600)
    for verb in ("cards", "seats"):
        done = cards(lab, "-e", "lab_roster=mine.csv", verb=verb)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "lab: mine.csv, line 2: the inventory has no host dask01; did you mean desk01?\n"
        )
    done = cards(lab, "-e", "lab_roster=none.csv")
    assert done.stderr == (
        "lab: cannot read the roster none.csv: No such file or directory; name a CSV file\n"
    )


def test_roster_of_another_room_beside_the_inventory_is_left_alone(lab: Path) -> None:
    (lab / "inventory" / "roster.csv").write_text("host,name,id,email\nother1,Anna,,\n")
    done = cards(lab)
    assert done.returncode == 0, done.stderr
    assert "2 cards, 0 with a name" in done.stdout


def test_inventory_without_a_machine_is_one_line(lab: Path) -> None:
    (lab / "inventory" / "classroom.yml").write_text("all: {}\n")
    done = cards(lab)
    assert done.returncode == 2
    assert done.stderr.startswith("lab: the inventory has no machine")
    assert done.stderr.count("\n") == 1
    assert cards(lab, verb="seats").returncode == 0, "Ansible says what is wrong with it"
