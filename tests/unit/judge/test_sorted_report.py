"""A report sorts its entries once; what is decided and shown is that of all of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement, judge
from scratchlab.judge.agreement import AGREES, NONE
from scratchlab.judge.prediction import predict
from scratchlab.model import Origin, Status
from scratchlab.report import read, write
from scratchlab.report.build import build
from scratchlab.report.document import Report
from scratchlab.report.verdict import decide, is_plain, trouble_of

PLAIN = "docker-20.10.24-plain"


@pytest.fixture
def judged(saved: Callable[[str], EvidenceSet]) -> tuple[EvidenceSet, Judgement]:
    evidence = saved(PLAIN)
    return evidence, judge(evidence, predict(evidence.facts, evidence.image))


def check(report: Report) -> None:
    entries = list(report.entries)
    assert list(report.remarkable) == [entry for entry in entries if not is_plain(entry)]
    assert report.plain == Counter(entry["origin"] for entry in entries if is_plain(entry))
    assert report.head["verdict"] == decide(report.head, entries)


def test_a_report_that_is_made_and_one_that_is_read_sort_alike(
    judged: tuple[EvidenceSet, Judgement], tmp_path: Path
) -> None:
    made = build(*judged)
    check(made)
    assert made.plain["image-layer"]
    assert list(made.remarkable)
    write(made, str(tmp_path / "report.json"))
    check(read(str(tmp_path / "report.json")))


@pytest.mark.parametrize("prediction", [AGREES, NONE, "predicted 0755, found 0700"])
@pytest.mark.parametrize("status", [Status.SAME, Status.ALTERED, Status.MISSING])
@pytest.mark.parametrize("origin", [*Origin])
def test_the_verdict_is_that_of_all_entries(
    judged: tuple[EvidenceSet, Judgement], origin: Origin, status: Status, prediction: str
) -> None:
    evidence, judgement = judged
    findings = [
        finding._replace(origin=origin, status=status, prediction=prediction)
        if number % 5 == 0
        else finding._replace(prediction=NONE)
        for number, finding in enumerate(judgement.findings)
    ]
    check(build(evidence, replace(judgement, findings=findings)))


def test_a_plain_entry_has_no_trouble_and_no_mark() -> None:
    notes = (None, "unreadable: EACCES", "changed while read")
    for origin, status, prediction, note in itertools.product(
        Origin, Status, (AGREES, NONE, "another"), notes
    ):
        live = {} if note is None else {"note": note}
        entry: Any = {
            "path": "/x", "origin": str(origin), "status": str(status),
            "prediction": prediction, "live": live,
        }  # fmt: skip
        if is_plain(entry):
            assert trouble_of(entry) is None
        elif status is Status.SAME or origin is Origin.USER_DATA:
            assert trouble_of(entry) is not None
