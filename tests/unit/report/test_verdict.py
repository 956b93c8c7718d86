"""One verdict: what counts as a fault and what as drift, the status, the sentence, the order."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from tests.browser import reports

from scratchlab.errors import LabError
from scratchlab.model import Origin, Status
from scratchlab.report import read, write
from scratchlab.report.sections import VerdictSection
from scratchlab.report.verdict import (
    ExitStatus,
    as_predicted,
    decide,
    trouble_of,
    verification_results,
    worst,
)

FAULTS = ("unexplained", "missing", "contradictions", "failed_checks", "problems")
DRIFT = ("written", "mounted", "changed", "deleted", "unstable")
DRIFTED = {"written-later": "written", "mounted-inside": "mounted", "host-mount": "mounted"}
OTHER_PREDICTION = "predicted 0755, found 0700"


def entry(path: str = "/x", **changes: Any) -> Any:
    """An entry that is explained, as predicted and unchanged, but for ``changes``."""
    in_order = {
        "path": path,
        "status": "only-live",
        "origin": "engine-mount",
        "prediction": "agrees",
        "live": {},
    }
    return in_order | changes


def unstable(path: str = "/x", **changes: Any) -> Any:
    return entry(path, live={"note": "changed while read"}, **changes)


def mount(target: str = "/m", **changes: Any) -> Any:
    """A mount that no entry counts."""
    in_order = {"target": target, "origin": "runtime-mask", "prediction": "agrees", "entry": False}
    return in_order | changes


def ghost(kind: str, path: str = "/g") -> Any:
    return {"path": path, "kind": kind}


def check(verdict: str, name: str = "E07") -> Any:
    return {"id": name, "verdict": verdict}


def verdict(*entries: Any, **head: Any) -> VerdictSection:
    whole: Any = {"problems": [], "notes": [], "checks": [], "ghosts": [], **head}
    return decide(whole, entries)


def counted(found: VerdictSection) -> dict[str, int]:
    """The counts that are not 0."""
    counts: dict[str, int] = found["counts"]  # type: ignore[assignment]
    return {key: count for key, count in counts.items() if count}


def test_all_explained_and_as_predicted_is_0() -> None:
    found = verdict(entry(), mounts=[mount()])
    assert (found["status"], found["word"]) == (0, "explained")
    assert found["sentence"] == "all explained, and as predicted"
    assert list(found["counts"]) == [*FAULTS, *DRIFT]
    assert counted(found) == {}


def test_what_an_engine_made_and_somebody_removed_is_deleted() -> None:
    found = verdict(entry("/p", origin="written-later", status="deleted", live=None))
    assert (found["status"], counted(found)) == (3, {"deleted": 1})
    assert found["sentence"] == "1 deleted since the start, all explained: /p (deleted)"


@pytest.mark.parametrize("origin", sorted(set(Origin) - {*DRIFTED, "unexplained"}))
def test_every_other_origin_explains(origin: str) -> None:
    for item in (verdict(entry(origin=origin)), verdict(mounts=[mount(origin=origin)])):
        assert item["status"] == 0
        assert counted(item) == {}


@pytest.mark.parametrize(("origin", "key"), DRIFTED.items())
def test_origin_that_came_since_the_start_is_drift(origin: str, key: str) -> None:
    assert Origin(origin)
    for item in (
        verdict(entry("/p", origin=origin)),
        verdict(entry("/p", origin=origin, status="altered")),
        verdict(mounts=[mount("/p", origin=origin)]),
    ):
        assert (item["status"], item["word"]) == (3, "drifted")
        assert counted(item) == {key: 1}
        assert item["sentence"] == f"1 {key} since the start, all explained: /p ({key})"


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"origin": "unexplained"}, "unexplained", "unexplained"),
        ({"status": "missing"}, "missing", "missing"),
        ({"status": "missing", "origin": "unexplained"}, "missing", "missing"),
        ({"status": "missing", "prediction": OTHER_PREDICTION}, "missing", "missing"),
        ({"prediction": OTHER_PREDICTION}, "contradictions", "against the prediction"),
        ({"origin": "unexplained", "prediction": OTHER_PREDICTION}, "unexplained", "unexplained"),
        # Written, but against the prediction: that is the fault.
        ({"origin": "written-later", "prediction": OTHER_PREDICTION}, "contradictions",
         "against the prediction"),
    ],
)  # fmt: skip
def test_entry_with_a_fault_is_1_and_counts_once(
    changes: dict[str, Any], key: str, words: str
) -> None:
    found = verdict(entry("/p", **changes), entry("/q"))
    assert (found["status"], found["word"]) == (1, "failed")
    assert counted(found) == {key: 1}
    assert found["sentence"] == f"1 {words}: /p ({words})"
    assert trouble_of(entry("/p", **changes)) == key


@pytest.mark.parametrize(
    ("changes", "key"),
    [({"origin": "unexplained"}, "unexplained"), ({"prediction": "x"}, "contradictions")],
)
def test_mount_without_an_entry_counts_as_one(changes: dict[str, Any], key: str) -> None:
    assert counted(verdict(mounts=[mount(**changes)])) == {key: 1}
    assert counted(verdict(mounts=[mount(entry=True, **changes)])) == {}, "its entry counts"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"origin": "unexplained"},
        {"status": "missing"},
        {"prediction": OTHER_PREDICTION},
        {"origin": "written-later"},
        {"status": "altered"},
    ],
)
def test_entry_that_changed_while_it_was_read_is_drift_and_nothing_else(
    changes: dict[str, Any],
) -> None:
    found = verdict(unstable("/p", **changes))
    assert found["status"] == 3
    assert counted(found) == {"unstable": 1}
    assert found["sentence"] == "1 changed while read, all explained: /p (changed while read)"


def test_another_note_of_an_entry_is_not_drift() -> None:
    assert verdict(entry(live={"note": "unreadable: EACCES"}))["status"] == 0
    assert verdict(entry(live=None))["status"] == 0


def test_entry_that_a_mount_altered_is_explained() -> None:
    assert verdict(entry(status="altered"))["status"] == 0


@pytest.mark.parametrize(
    ("kind", "status", "counts"),
    [
        ("shadowed", 0, {}),
        ("replaced", 0, {}),
        ("overridden", 0, {}),
        ("deleted", 3, {"deleted": 1}),
        ("changed", 3, {"changed": 1}),
    ],
)
def test_only_ghosts_made_since_the_start_are_drift(
    kind: str, status: int, counts: dict[str, int]
) -> None:
    assert Status(kind)
    found = verdict(entry(), ghosts=[ghost(kind)])
    assert found["status"] == status
    assert counted(found) == counts
    if counts:
        assert found["sentence"] == f"1 {kind} since the start, all explained: /g ({kind})"


@pytest.mark.parametrize(("name", "status"), [("pass", 0), ("skip", 0), ("fail", 1), ("error", 1)])
def test_failed_check_is_1(name: str, status: int) -> None:
    found = verdict(entry(), checks=[check("pass", "E01"), check(name)])
    assert found["status"] == status
    assert counted(found) == ({"failed_checks": 1} if status else {})
    if status:
        assert found["sentence"] == "1 check failed (E07)"


def test_failed_checks_are_named_up_to_three() -> None:
    def sentence(number: int) -> str:
        return verdict(checks=[check("fail", f"E0{at}") for at in range(number)])["sentence"]

    assert sentence(2) == "2 checks failed (E00, E01)"
    assert sentence(3) == "3 checks failed (E00, E01, E02)"
    assert sentence(4) == "4 checks failed (E00, E01, E02 ...)"


def test_problem_is_1_and_a_note_is_not() -> None:
    problem = "index.json lists no image"
    found = verdict(entry(), problems=[problem])
    assert (found["status"], counted(found)) == (1, {"problems": 1})
    assert found["sentence"] == "1 problem of the image archive"
    assert verdict(problems=[problem] * 2)["sentence"] == "2 problems of the image archive"
    assert verdict(entry(), notes=["no prediction: docker 99 is not known"])["status"] == 0


def test_nothing_predicted_is_0_and_the_sentence_says_so() -> None:
    found = verdict(entry(prediction="none"), checks=[check("pass")])
    assert found["status"] == 0
    assert found["sentence"] == "all explained; nothing was predicted"


def test_report_without_entries_claims_nothing_of_a_container() -> None:
    found = verdict(checks=[check("pass")])
    assert found["status"] == 0
    assert found["sentence"] == "no check failed; no container was verified"


def test_one_entry_as_predicted_is_enough_for_the_sentence() -> None:
    found = verdict(entry(prediction="none"), entry(), entry(prediction="none"))
    assert found["sentence"] == "all explained, and as predicted"


@pytest.mark.parametrize(
    ("prediction", "expected"), [("agrees", True), ("none", True), ("", False), ("x", False)]
)
def test_as_predicted_is_agreement_or_the_lack_of_a_prediction(
    prediction: str, expected: bool
) -> None:
    assert as_predicted(entry(prediction=prediction)) is expected


def test_counts_come_first_then_three_paths_and_drift_beside_a_fault() -> None:
    entries = [
        entry("/a", origin="unexplained"),
        entry("/b", status="missing"),
        entry("/c", prediction="x"),
        entry("/w", origin="written-later"),
        entry("/m", origin="host-mount"),
        unstable("/u"),
    ]
    ghosts = [ghost("deleted", "/d"), ghost("deleted", "/e"), ghost("changed", "/f")]
    found = verdict(*entries, ghosts=ghosts, problems=["p"], checks=[check("fail")])
    assert found["status"] == 1
    assert found["sentence"] == (
        "1 unexplained, 1 missing, 1 against the prediction, 1 check failed (E07), "
        "1 problem of the image archive: /a (unexplained), /b (missing), "
        "/c (against the prediction); also 1 written, 1 mounted, 1 changed, 2 deleted since the "
        "start, 1 changed while read"
    )
    assert counted(found) == {
        **dict.fromkeys([*FAULTS, *DRIFT], 1),
        "deleted": 2,
    }
    drifted = verdict(*entries[3:], ghosts=ghosts)
    assert drifted["sentence"] == (
        "1 written, 1 mounted, 1 changed, 2 deleted since the start, 1 changed while read, all "
        "explained: /w (written), /m (mounted), /u (changed while read), ..."
    )


def test_exactly_three_paths_are_named_without_an_ellipsis() -> None:
    def sentence(number: int) -> str:
        return verdict(*[entry(f"/{at}", origin="written-later") for at in range(number)])[
            "sentence"
        ]

    assert sentence(3).endswith(": /0 (written), /1 (written), /2 (written)")
    assert sentence(4).endswith(": /0 (written), /1 (written), /2 (written), ...")
    assert sentence(5).endswith(": /0 (written), /1 (written), /2 (written), ...")


def test_worst_of_several_is_in_the_order_2_1_3_0() -> None:
    order = (2, 1, 3, 0)
    for length in range(1, 5):
        for statuses in itertools.product(order, repeat=length):
            assert worst(statuses) == min(statuses, key=order.index)
    assert worst([]) == 0
    assert worst(iter([0, 3])) is ExitStatus.DRIFTED


EXPLAINED_TITLE = "verify every entry has an origin and is as predicted"
UNCHANGED_TITLE = "verify nothing changed since the start"


@pytest.mark.parametrize(
    ("entries", "head", "explained", "unchanged"),
    [
        ([entry()], {}, True, True),
        ([entry(origin="unexplained")], {}, False, True),
        ([entry(status="missing")], {}, False, True),
        ([entry(prediction="x")], {}, False, True),
        ([], {"problems": ["p"]}, False, True),
        # A failed check is a test of its own.
        ([], {"checks": [check("fail")]}, True, True),
        ([entry(origin="written-later")], {}, True, False),
        ([entry(origin="mounted-inside")], {}, True, False),
        ([unstable()], {}, True, False),
        ([], {"ghosts": [ghost("deleted")]}, True, False),
        ([], {"ghosts": [ghost("changed")]}, True, False),
        ([entry(origin="unexplained"), entry(origin="written-later")], {}, False, False),
    ],
)
def test_two_tests_one_for_faults_and_one_for_drift(
    entries: list[Any], head: dict[str, Any], explained: bool, unchanged: bool
) -> None:
    whole: Any = {"verdict": verdict(*entries, **head)}
    assert verification_results(whole) == (
        (EXPLAINED_TITLE, explained),
        (UNCHANGED_TITLE, unchanged),
    )


def test_sentence_of_a_report_is_made_again_when_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write(reports.troubled(), str(file))
    file.write_text(file.read_text().replace('"sentence":"', '"sentence":"all is well, ', 1))
    assert read(str(file)).head["verdict"] == reports.troubled().head["verdict"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"status":1', '"status":0'),
        ('"status":1', '"status":3'),
        ('"word":"failed"', '"word":"explained"'),
        ('"unexplained":1,"unstable"', '"unexplained":0,"unstable"'),
        ('"deleted":1,', '"deleted":0,'),
    ],
)
def test_report_with_another_verdict_than_its_content_has_is_damaged(
    tmp_path: Path, before: str, after: str
) -> None:
    file = tmp_path / "report.json"
    write(reports.troubled(), str(file))
    assert read(str(file)).head["verdict"] == reports.troubled().head["verdict"]
    head, key, rest = file.read_text().partition('"verdict": ')
    assert rest.count(before) == 1
    file.write_text(head + key + rest.replace(before, after))
    with pytest.raises(LabError, match="its verdict is not the one that its content leads to"):
        read(str(file))


def test_report_whose_entries_were_changed_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write(reports.troubled(), str(file))
    data = json.loads(file.read_text())
    data["entries"] = [e for e in data["entries"] if e["origin"] != "unexplained"]
    file.write_text(json.dumps(data))
    with pytest.raises(LabError, match="its verdict is not the one"):
        read(str(file))


def test_report_of_schema_2_without_a_verdict_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write(reports.sleep(), str(file))
    data = json.loads(file.read_text())
    del data["verdict"]
    file.write_text(json.dumps(data))
    with pytest.raises(LabError, match="damaged report"):
        read(str(file))
