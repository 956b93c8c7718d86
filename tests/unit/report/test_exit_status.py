"""The exit status is 0 only if everything is explained and as predicted."""

from __future__ import annotations

from typing import Any

import pytest

from scratchlab.model import Origin, Status
from scratchlab.report import Report
from scratchlab.report.verdict import exit_status


def report(entry: dict[str, Any] | None = None, **head: Any) -> Report:
    as_expected = {"status": "only-live", "origin": "engine-mount", "prediction": "agrees"}
    part: Any = {"problems": [], "checks": [], "ghosts": [], **head}
    entries: Any = [as_expected | (entry or {})]
    return Report(part, entries)


def test_all_explained_and_as_predicted_is_0() -> None:
    assert exit_status(report()) == 0


@pytest.mark.parametrize("origin", sorted(set(Origin) - {"process-write", "unexplained"}))
def test_every_origin_but_two_explains(origin: str) -> None:
    assert exit_status(report({"origin": origin})) == 0


@pytest.mark.parametrize(
    "entry",
    [
        {"origin": "process-write"},
        {"origin": "unexplained"},
        {"status": "missing"},
        {"status": "altered", "origin": "process-write"},
        {"prediction": "predicted 0755, found 0700"},
    ],
)
def test_one_entry_that_differs_is_1(entry: dict[str, Any]) -> None:
    assert exit_status(report(entry)) == 1


def test_an_entry_that_a_mount_altered_is_explained() -> None:
    assert exit_status(report({"status": "altered", "origin": "engine-mount"})) == 0


def test_an_entry_with_proof_but_no_prediction_is_explained() -> None:
    assert exit_status(report({"prediction": "none"})) == 0


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("shadowed", 0), ("replaced", 0), ("overridden", 0), ("deleted", 1), ("changed", 1)],
)
def test_only_ghosts_that_the_process_made_are_a_difference(kind: str, expected: int) -> None:
    assert Status(kind)
    assert exit_status(report(ghosts=[{"kind": kind}])) == expected


@pytest.mark.parametrize(
    ("verdict", "expected"), [("pass", 0), ("skip", 0), ("fail", 1), ("error", 1)]
)
def test_a_check_that_failed_is_1(verdict: str, expected: int) -> None:
    assert exit_status(report(checks=[{"verdict": verdict}])) == expected


def test_a_problem_is_1() -> None:
    assert exit_status(report(problems=["the archive's index.json disagrees"])) == 1
