"""The files that instructors' tools read, and that no machine's text takes effect in them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests import rooms
from tests.rooms import Reports, made

from scratchlab import report
from scratchlab.cli.classroom import OUTPUTS, build_classroom
from scratchlab.render.terminal import classroom

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "</title></script><script>alert(1)</script>\x1b[31m\u202e\ud800\x00&\n=HYPERLINK(1)"


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")


def test_every_machine_is_in_every_file(reports: Reports) -> None:
    reports.machine("anna")
    reports.machine("ben", report=None, state="unreachable", reason="no route to host")
    bad = [rooms.check("E01"), rooms.check("E02", "fail", "it weighs 3 B", "docker rmi it")]
    reports.machine("cleo", made("cleo", checks=bad))
    build_classroom(str(reports.finish()))

    table = list(csv.DictReader((reports.directory / "room.csv").read_text().splitlines()))
    assert [(row["machine"], row["state"], row["passed"]) for row in table] == [
        ("anna", "passed", "12"),
        ("ben", "unreachable", "0"),
        ("cleo", "failed", "1"),
    ]
    assert (table[2]["E02"], table[1]["reason"]) == ("fail", "no route to host")

    xml = ElementTree.parse(reports.directory / "room.xml").getroot()
    counts = {suite.get("name"): suite for suite in xml.iter("testsuite")}
    assert (counts["anna"].get("errors"), counts["anna"].get("failures")) == ("0", "0")
    assert counts["ben"].get("errors") == "1"
    assert counts["cleo"].get("failures") == "2"

    tap = (reports.directory / "room.tap").read_text()
    assert tap.startswith("TAP version 13\n1..3\nok 1 - anna")
    assert "not ok 2 - ben unreachable" in tap
    assert "not ok 3 - cleo" in tap

    page = (reports.directory / "index.html").read_text()
    assert "1 of 3 machines passed every check" in page
    assert "no route to host" in page


def test_hostile_text_is_only_text_in_every_file(reports: Reports) -> None:
    checks = [rooms.check(HOSTILE, "fail", HOSTILE, HOSTILE)]
    one = made("ben", checks=checks, engine={"version": HOSTILE}, problems=[HOSTILE])
    reports.machine("ben", one)
    reports.machine("=cmd|calc", report=None, state="failed", reason=HOSTILE)
    build_classroom(str(reports.finish(HOSTILE)))
    for name in OUTPUTS:
        text = (reports.directory / name).read_bytes().decode()  # valid UTF-8, whatever came in
        assert not {"\x1b", "\u202e", "\x00"} & set(text), name
    assert "<script>alert" not in (reports.directory / "index.html").read_text()
    ElementTree.parse(reports.directory / "room.xml")
    rows = csv.reader((reports.directory / "room.csv").read_text().splitlines())
    cells = [cell for row in rows for cell in row]
    assert "'=cmd|calc" in cells
    assert not any(cell.startswith(("=", "@", "+", "-")) for cell in cells)


def test_run_judged_twice_is_in_the_trend_once(reports: Reports) -> None:
    here = reports.machine("anna")
    reports.finish()
    build_classroom(str(reports.directory))
    build_classroom(str(reports.directory))
    status = json.loads((here / "status.json").read_text())
    (here / "status.json").write_text(
        json.dumps(status | {"started": "later", "report": None, "state": "unreachable"})
    )
    build_classroom(str(reports.directory))
    runs = json.loads((here / "history.json").read_text())["runs"]
    assert [(run["at"], run["state"], run["passed"]) for run in runs] == [
        (rooms.STARTED, "passed", 12),
        ("later", "unreachable", 0),
    ]
    assert (
        "passed in the last runs: 12 of 12, 0 of 0"
        in (reports.directory / "index.html").read_text()
    )


@pytest.mark.parametrize("history", ["", "[]", '{"schema": "scratchlab-history-1", "runs": 3}'])
def test_damaged_trend_starts_again(reports: Reports, history: str) -> None:
    here = reports.machine("anna")
    (here / "history.json").write_text(history)
    assert build_classroom(str(reports.finish())).passed == 1
    assert len(json.loads((here / "history.json").read_text())["runs"]) == 1


def test_page_is_removed_with_the_last_machine(reports: Reports) -> None:
    here = reports.machine("anna")
    build_classroom(str(reports.finish()))
    for file in here.iterdir():
        file.unlink()
    here.rmdir()
    build_classroom(str(reports.directory))
    assert list(reports.directory.iterdir()) == []


def test_card_names_the_engine_of_its_machine(reports: Reports) -> None:
    reports.machine("anna")
    reports.machine("ben", made("ben", engine={"name": "podman", "version": "4.3.1"}))
    reports.machine("cleo", report=None, state="unreachable", reason="no route to host")
    build_classroom(str(reports.finish()))
    cards = (reports.directory / "cards.html").read_text("utf-8").split('class="card"')[1:]
    assert [re.findall(r"sudo (\w+) ps", card) for card in cards] == [
        ["docker"],
        ["podman"],
        ["docker"],
    ]


def test_machines_with_the_same_trouble_get_one_command(reports: Reports) -> None:
    for name in ("anna", "ben"):
        reports.machine(name, report=None, state="failed", stage="Provision", reason="no space")
    for name in ("cleo", "dora"):
        reports.machine(name, report=None, state="unreachable", reason="timed out")
    build_classroom(str(reports.finish()))
    page = (reports.directory / "index.html").read_text("utf-8")
    helps = re.findall(r'<div class="command"><pre><code>(.*?)</code>', page, re.S)
    assert helps == [
        "./lab -i inventory/classroom.yml -l anna,ben",
        "ssh student@192.0.2.3",
        "./lab -i inventory/classroom.yml -l cleo",
        "ssh student@192.0.2.4",
        "./lab -i inventory/classroom.yml -l dora",
    ]


@pytest.mark.parametrize("columns", [40, 60, 132])
def test_narrow_terminal_names_the_checks_that_did_not_pass(
    reports: Reports, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    bad = [rooms.check(i, "fail" if i == "E07" else "pass", "it stopped") for i in rooms.CHECKS]
    reports.machine("anna")
    reports.machine("ben", made("ben", checks=bad))
    reports.machine("cleo", report=None, state="unreachable", reason="no route to host")
    out = io.StringIO()
    classroom.render(build_classroom(str(reports.finish())), out)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= columns
    assert "\u2026" not in out.getvalue(), "no text is cut off"
    (ben,) = (line.split() for line in lines if line.startswith("ben "))
    if columns < 132:
        assert ben[-1] == "E07"
        assert "11 of 12" in " ".join(ben)
    else:
        assert (lines[0].split()[1:], ben.count("ok")) == (rooms.CHECKS, 11)


def show_reports(reports: Reports, *, started: float) -> subprocess.CompletedProcess[str]:
    """Run the last step of ./lab, for a run that started ``started`` seconds before its record."""
    stamp = reports.directory.parent / "started"
    stamp.touch()
    now = time.time()
    os.utime(reports.directory / "run.json", (now, now))
    os.utime(stamp, (now - started, now - started))
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/show_reports.py"), str(reports.directory), str(stamp)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_show_reports_fails_if_a_machine_of_the_run_is_missing(reports: Reports) -> None:
    reports.machine("anna")
    reports.machine("ben", report=None, state="unreachable", reason="no route to host")
    reports.finish()
    done = show_reports(reports, started=1)
    assert done.returncode == 1, done.stderr
    assert "ben: unreachable: no route to host" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 of 2 machines passed every check"


def test_show_reports_succeeds_if_the_chosen_machines_passed(reports: Reports) -> None:
    reports.machine("anna")
    reports.finish("dora")  # not chosen: ./lab -l anna
    assert show_reports(reports, started=1).returncode == 0


def test_show_reports_prints_nothing_if_the_run_recorded_nothing(reports: Reports) -> None:
    reports.machine("anna", made("anna", checks=[rooms.check("E01", "fail")]))
    reports.finish()
    done = show_reports(reports, started=-5)
    assert (done.returncode, done.stdout) == (0, "")


def test_single_machine_gets_its_table(reports: Reports) -> None:
    reports.machine("localhost", hostname="vm")
    (reports.directory / "localhost" / "report.json").unlink()
    report.write(made("vm"), str(reports.directory / "localhost" / "report.json"))
    status = json.loads((reports.directory / "localhost" / "status.json").read_text())
    status["report"] = rooms.sha1(reports.directory / "localhost" / "report.json")
    (reports.directory / "localhost" / "status.json").write_text(json.dumps(status))
    reports.finish()
    done = show_reports(reports, started=1)
    assert done.returncode == 0
    *_, count, after = done.stdout.splitlines()
    assert "12 of 12 checks passed" in count
    page = reports.directory / "localhost" / "index.html"
    after = after.replace(" sudo ", " ")  # for a user who is not root
    assert after == f"Next: open {page}, and try on localhost: scratchlab why sleep /etc/mtab"


def single(reports: Reports, what: report.Report) -> subprocess.CompletedProcess[str]:
    """Run the last step of ./lab for one machine with this report."""
    reports.machine("localhost", what)
    reports.inventory = []  # ./lab alone takes the machine that one works at
    reports.finish()
    return show_reports(reports, started=1)


def test_single_machine_that_passed_with_a_note_says_so(reports: Reports) -> None:
    note = "no prediction: docker 30.0 is not among the versions that the rules were read in"
    done = single(reports, made("localhost", notes=[note]))
    assert done.returncode == 0
    assert f"passed with a note: {note}" in " ".join(done.stdout.split())
    assert "12 of 12 checks passed" in done.stdout.splitlines()[-2]


def test_class_names_the_machine_that_passed_with_a_note(reports: Reports) -> None:
    note = "no prediction: docker 30.0 is not known"
    reports.machine("anna", made("anna", notes=[note]))
    reports.machine("ben")
    reports.finish()
    done = show_reports(reports, started=1)
    assert done.returncode == 0
    assert f"anna: passed with a note: {note}" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 of 2 machines passed every check"


LEFT = rooms.entry("/left", "file", "written-later")
UNKNOWN = rooms.entry("/odd", "file", "unexplained")


@pytest.mark.parametrize(
    ("what", "last"),
    [
        (made("localhost", [*rooms.tree(), LEFT]),
         "1 written since the start, all explained: /left (written)"),
        (made("localhost", [*rooms.tree(), UNKNOWN]), "1 unexplained: /odd (unexplained)"),
        (made("localhost", problems=["index.json lists no image"]),
         "1 problem of the image archive"),
        (made("localhost", checks=[rooms.check("E01"), rooms.check("E07", "fail")]),
         "1 check failed (E07)"),
        (made("localhost", checks=[]),
         "localhost: its report holds no checks; run the lab on it again: ./lab"),
    ],
    ids=["drift", "unexplained", "problem", "failed check", "no checks"],
)  # fmt: skip
def test_last_line_names_why_a_single_machine_did_not_pass(
    reports: Reports, what: report.Report, last: str
) -> None:
    done = single(reports, what)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == last


def test_drift_of_one_machine_of_a_class_is_named_above_the_count(reports: Reports) -> None:
    reports.machine("anna")
    reports.machine("ben", made("ben", [*rooms.tree(), LEFT]))
    reports.finish()
    done = show_reports(reports, started=1)
    assert done.returncode == 1
    reason = "1 written since the start, all explained: /left (written)"
    assert f"ben: failed: {reason}" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1] == "1 of 2 machines passed every check"
