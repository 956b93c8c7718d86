"""Which directories of a class count as machines, and which are only named."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rooms import Reports, made
from tests.unit.classroom.test_judge import judged, states

from scratchlab import report
from scratchlab.classroom.results import MachineState


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")


def test_unlisted_directories_are_named_and_not_judged(reports: Reports) -> None:
    reports.machine("anna")
    reports.finish()
    Reports(reports.directory).machine("localhost")
    classroom = judged(reports.directory)
    assert states(classroom) == {"anna": MachineState.PASSED}
    assert classroom.unlisted == ("localhost",)


def test_reports_without_a_run_record_are_judged(tmp_path: Path) -> None:
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        report.write(made(name), str(tmp_path / name / "report.json"))
    assert set(states(judged(tmp_path)).values()) == {MachineState.PASSED}


def test_missing_directory_is_a_class_without_machines(tmp_path: Path) -> None:
    assert judged(tmp_path / "none").machines == ()


def test_names_that_leave_the_directory_are_not_followed(reports: Reports) -> None:
    reports.machine("anna")
    outside = ("..", "../../etc", "", ".")
    classroom = judged(reports.finish(*outside))
    assert states(classroom) == {"anna": MachineState.PASSED} | dict.fromkeys(
        outside, MachineState.DAMAGED
    )
    assert "rename it" in classroom.needing_help[0].reason
