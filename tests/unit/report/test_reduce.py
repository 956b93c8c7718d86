"""A report that is too large for a room keeps its verdict, what differs, and its worksheet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests import rooms
from tests.rooms import Reports, made

from scratchlab import report
from scratchlab.classroom.grading import grade, quiz_section, regrade
from scratchlab.classroom.worksheet import draw_worksheet, paths_drawn_from, seed_of
from scratchlab.cli.classroom import build_classroom
from scratchlab.errors import LabError
from scratchlab.report import Report
from scratchlab.report.reduce import reduced
from scratchlab.report.user_data import require_same_coverage

KIB = 1024
MANY = 3000
UNKNOWN = rooms.entry("/srv/unknown", "file", "unexplained")


def filled(host: str, written: int = 0, **changes: Any) -> Report:
    """A report with thousands of entries as expected, and ``written`` that were written later."""
    entries = rooms.tree()
    entries.append(rooms.entry("/srv", "directory", "image-layer"))
    entries += [rooms.entry(f"/srv/{n:05}", "file", "image-layer") for n in range(MANY)]
    entries += [rooms.entry(f"/srv/x{n:05}", "file", "written-later") for n in range(written)]
    return made(host, entries, **changes)


def kept(whole: Report, most: int) -> Report:
    return reduced(whole, most, paths_drawn_from(whole, seed_of(whole)))


def read_again(small: Report, tmp_path: Path) -> Report:
    report.write(small, str(tmp_path / "report.json"))
    return report.read(str(tmp_path / "report.json"))


def test_report_that_fits_is_not_touched() -> None:
    whole = filled("anna")
    assert kept(whole, 64 << 20) is whole


@pytest.mark.parametrize("written", [0, 3, 2000])
def test_reduced_report_fits_and_has_the_verdict_of_the_whole(tmp_path: Path, written: int) -> None:
    whole = filled("anna", written)
    most = 400 * KIB
    small = kept(whole, most)
    again = read_again(small, tmp_path)
    assert os.path.getsize(tmp_path / "report.json") <= most
    assert again.head["verdict"] == whole.head["verdict"]
    assert again.head["summary"] == whole.head["summary"]
    paths = [entry["path"] for entry in again.entries]
    assert paths == [e["path"] for e in whole.entries if e["path"] in set(paths)], "in their order"
    differing = [path for path in paths if path.startswith("/srv/x")]
    drawn = paths_drawn_from(whole, "anna")
    first = [path for path in differing if path not in drawn]
    wanted = (f"/srv/x{n:05}" for n in range(written))
    assert first == [path for path in wanted if path not in drawn][: len(first)]
    assert len(differing) == written if written < 10 else 0 < len(differing) < written
    assert "/srv" in paths
    left_out = again.head["left_out"]
    assert left_out["entries"] == MANY + written + 17 - len(paths)
    assert left_out["counts"].get("written", 0) == written - len(differing)
    assert "this report holds" in again.head["notes"][-1]


def test_forged_verdict_of_a_reduced_report_is_still_refused(tmp_path: Path) -> None:
    small = kept(filled("anna", 5), 300 * KIB)
    small.head["verdict"] = made("anna").head["verdict"]
    report.write(small, str(tmp_path / "report.json"))
    with pytest.raises(LabError, match="its verdict is not the one"):
        report.read(str(tmp_path / "report.json"))


@pytest.mark.parametrize("host", ["desk01", "desk02", "desk03", "desk04", "other"])
def test_worksheet_and_points_are_those_of_the_whole(host: str) -> None:
    whole = filled(host, 700)
    worksheet = draw_worksheet(whole, host)
    given = {question.path: [question.answer] for question in worksheet.questions[:5]}
    section = quiz_section(grade(worksheet, given), whole, "2026-03-02T10:00:00+00:00")
    whole = filled(host, 700, quiz=dict(section))
    small = kept(whole, 250 * KIB)
    assert "left_out" in small.head
    assert draw_worksheet(small, host) == worksheet
    assert regrade(small) == regrade(whole)
    assert regrade(small).points == 10  # type: ignore[union-attr]


def test_reduced_reports_are_not_compared_entry_by_entry() -> None:
    whole = filled("anna")
    small = kept(whole, 250 * KIB)
    for pair in ((whole, small), (small, whole), (small, small)):
        with pytest.raises(LabError, match="cannot be compared: one covers everything"):
            require_same_coverage(pair[0].head, pair[1].head)


def test_room_shows_the_machine_rightly_and_says_what_it_did_not_get(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "reports")
    for name in ("anna", "ben"):
        reports.machine(name, filled(name))
    ledger = {"ledger_digest": "sha256:" + "cd" * 32}
    whole = filled("cleo", 900, image=ledger)
    reports.machine("cleo", kept(whole, 300 * KIB))
    built = build_classroom(str(reports.finish()))
    cleo = built.machines[2]
    assert (cleo.state, cleo.reason) == ("failed", whole.head["verdict"]["sentence"])
    assert any("what its container sees is not compared" in note for note in cleo.notes)
    ledgers = next(facet for facet in built.facets if "ledger digest" in facet.title)
    assert [group.hosts for group in ledgers.groups] == [("anna", "ben"), ("cleo",)]
    assert ledgers.groups[1].paths == (), "what was not sent is no difference"
