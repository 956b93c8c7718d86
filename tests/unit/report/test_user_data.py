"""What a report tells of the user's data; reports that cover different things are not compared."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.judge.handmade import ROOT, bound, facts, file, mount, node

from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet, load
from scratchlab.judge import judge
from scratchlab.judge.prediction.predictions import Predictions
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind
from scratchlab.reading import UserData, UserDataRead, UserMount
from scratchlab.render import user_data as words
from scratchlab.render.html import report_page
from scratchlab.render.terminal import report as terminal
from scratchlab.report import Report, read, write
from scratchlab.report.build import build
from scratchlab.report.user_data import covered, require_same_coverage

DATA, DISK = bound(20, "/data"), mount(21, "/data/di\x1bsk", "xfs", parent=20)
LIVE = (
    Entry("/", Kind.DIRECTORY, 0o755, mount=ROOT.id),
    file("/data/plain", 20),
    file("/data/su", 20, mode=0o4755),
    file("/data/ping", 20)._replace(xattrs=(("security.capability", b"x"),)),
    node("/data/null", (1, 3), 21),
    file("/data/sg", 21, mode=0o2755),
    Entry("/data/sticky", Kind.DIRECTORY, 0o2755, mount=20),
)


def evidence(
    mode: UserData = UserData.LIST, *, complete: bool = False, live: Iterable[Entry] = LIVE
) -> EvidenceSet:
    users = UserMount("/data", 20, members=(20, 21), listed=6, complete=complete)
    most = 1000 if mode is UserData.LIST else 0
    found = replace(facts(DATA, DISK), user_data=UserDataRead(mode, most, (users,)))
    return EvidenceSet(found, Ledger(), Ledger(live), Ledger(), Ledger())


def report(found: EvidenceSet) -> Report:
    return build(found, judge(found, Predictions()))


def test_what_stands_out_in_the_listing_is_told() -> None:
    assert report(evidence()).head["user_data"] == {
        "mode": "list",
        "most": 1000,
        "mounts": [
            {
                "target": "/data",
                "listed": 6,
                "complete": False,
                "set_uid": ["/data/sg", "/data/su"],
                "capabilities": ["/data/ping"],
                "devices": ["/data/null"],
                "mounts": ["/data/di\\x1bsk"],
            }
        ],
    }


@pytest.mark.parametrize(
    ("mode", "complete", "sentence"),
    [
        (UserData.LIST, False, "/data: 6 entries listed, contents not read; not searched beyond"
         " 1000 (--user-data hash reads everything)"),
        (UserData.LIST, True, "/data: all of it listed (6 entries), contents not read"),
        (UserData.NONE, False, "/data: not searched (--user-data list or hash does)"),
        (UserData.HASH, True, "/data: all of it read"),
    ],
)  # fmt: skip
def test_each_output_says_how_much_was_read(
    mode: UserData, complete: bool, sentence: str, tmp_path: Path
) -> None:
    built = report(evidence(mode, complete=complete, live=LIVE[:2]))
    write(built, str(tmp_path / "report.json"))
    built = read(str(tmp_path / "report.json"))
    assert words.sentences(built.head) == [f"{sentence}; 1 mount below it (/data/di\\x1bsk)"]
    table, page = io.StringIO(), io.StringIO()
    terminal.render(built, table)
    assert f"user data on {sentence}" in " ".join(table.getvalue().split())
    report_page.render(built, page)
    assert sentence in page.getvalue()


def test_the_coverage_is_kept_with_the_evidence(tmp_path: Path) -> None:
    with evidence() as found:
        found.save(str(tmp_path / "evidence"))
        with load(str(tmp_path / "evidence")) as again:
            assert again.facts.user_data == found.facts.user_data


def test_reports_of_different_coverage_are_not_compared() -> None:
    heads = {mode: report(evidence(mode)).head for mode in UserData}
    assert covered(heads[UserData.HASH]) == "everything"
    assert len({covered(head) for head in heads.values()}) == 3
    for mode in UserData:
        require_same_coverage(heads[mode], report(evidence(mode)).head)
    with pytest.raises(LabError, match="make both with the same --user-data"):
        require_same_coverage(heads[UserData.HASH], heads[UserData.LIST])


def test_a_report_of_an_earlier_version_covers_everything() -> None:
    head = report(evidence(UserData.LIST)).head
    del head["container"]["ledger_covers"]
    assert covered(head) == "everything"
