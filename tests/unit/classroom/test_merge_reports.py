"""One room of several controllers' reports: each machine once, by the run that counts for it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import Reports, made

import merge_reports
from scratchlab.classroom.roster import Student
from scratchlab.classroom.seats import Seat, save_seats


def controller(path: Path, *machines: str, others: tuple[str, ...] = (), **run: Any) -> Path:
    """The reports of a controller that chose ``machines``, and knows ``others``."""
    reports = Reports(path)
    for name in machines:
        reports.machine(name)
    reports.finish(*others)
    record = json.loads((path / "run.json").read_text()) | run
    (path / "run.json").write_text(json.dumps(record))
    return path


def states(room: Path) -> dict[str, str]:
    rows = csv.DictReader((room / "room.csv").read_text().splitlines())
    return {row["machine"]: row["state"] for row in rows}


def merge(*paths: Path) -> int:
    return merge_reports.main([str(path) for path in paths])


def test_two_shares_of_one_inventory_are_one_room(tmp_path: Path) -> None:
    one = controller(tmp_path / "1", "desk01", "desk03", others=("desk02",))
    two = controller(tmp_path / "2", "desk02", others=("desk01", "desk03"))
    save_seats(str(one), [Seat("desk01", Student("Anna"))])
    save_seats(str(two), [Seat("desk02", Student("Berta"))])
    assert merge(tmp_path / "room", one, two) == 0
    assert states(tmp_path / "room") == dict.fromkeys(("desk01", "desk02", "desk03"), "passed")
    run = json.loads((tmp_path / "room/run.json").read_text())
    assert sorted(run["chosen"]) == sorted(run["hosts"]) == ["desk01", "desk02", "desk03"]
    page = (tmp_path / "room/index.html").read_text()
    assert "Anna" in page
    assert "Berta" in page
    assert merge(tmp_path / "room", one, two) == 0  # again, into the same room


def test_a_machine_that_one_run_could_not_reach_is_not_hidden_by_an_older_success(
    tmp_path: Path,
) -> None:
    one = controller(tmp_path / "1", "desk01", started="2026-03-01T09:00:00+00:00")
    reports = Reports(tmp_path / "2")
    reports.machine("desk01", state="unreachable", reason="no route", report=None)
    two = reports.finish()
    assert merge(tmp_path / "room", one, two) == 1
    assert states(tmp_path / "room") == {"desk01": "unreachable"}
    assert merge(tmp_path / "other", two, one) == 1  # in whatever order


def test_a_run_that_was_killed_has_not_ended(tmp_path: Path) -> None:
    one = controller(tmp_path / "1", "desk01")
    two = controller(tmp_path / "2", "desk02", ended=None)
    merge(tmp_path / "room", one, two)
    assert json.loads((tmp_path / "room/run.json").read_text())["ended"] is None


def test_the_report_of_a_machine_of_another_controller_is_disputed(tmp_path: Path) -> None:
    one = controller(tmp_path / "1", "desk01")
    reports = Reports(tmp_path / "2")
    reports.machine("desk02", made("desk01"))
    assert merge(tmp_path / "room", one, reports.finish()) == 1
    assert states(tmp_path / "room") == {"desk01": "passed", "desk02": "disputed"}


def test_links_and_names_lead_nowhere(tmp_path: Path) -> None:
    one = controller(tmp_path / "1", "desk01")
    secret = tmp_path / "secret"
    secret.write_text("{}")
    (one / "desk01" / "report.json").unlink()
    (one / "desk01" / "report.json").symlink_to(secret)
    run = json.loads((one / "run.json").read_text())
    run["hosts"] += ["../desk09", ".hidden"]
    (one / "run.json").write_text(json.dumps(run))
    merge(tmp_path / "room", one)
    assert not (tmp_path / "room/desk01/report.json").exists()
    assert not (tmp_path / "desk09").exists()


@pytest.mark.parametrize("fault", ["absent", "damaged", "same", "foreign", "run", "none"])
def test_what_cannot_be_merged_is_one_line_and_nothing_is_removed(
    tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one, room = controller(tmp_path / "1", "desk01"), tmp_path / "room"
    arguments = [room, one]
    if fault == "absent":
        arguments = [room, tmp_path / "nowhere"]
    elif fault == "damaged":
        (one / "run.json").write_text("{")
    elif fault == "same":
        arguments = [one, one]
    elif fault == "run":  # the reports of a run are nobody's to remove
        controller(room, "desk02")
    elif fault == "foreign":
        room.mkdir()
        (room / "thesis.txt").write_text("mine")
    else:
        arguments = [room]
    assert merge(*arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert fault != "run" or (room / "desk02/report.json").exists()
    assert fault != "foreign" or (room / "thesis.txt").read_text() == "mine"
