"""Which stages ``./lab test`` runs, and its exit status."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from tests import run
from tests.run import Count, Stage


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the stages that were run; none of them does anything."""
    done: list[str] = []

    def stage(name: str) -> Count:
        done.append(name)
        return Count(passed=1)

    stages = {name: replace(real, run=partial(stage, name)) for name, real in run.STAGES.items()}
    monkeypatch.setattr(run, "STAGES", stages)
    monkeypatch.setattr(run, "scenarios", lambda _: stage("scenarios"))
    return done


def test_a_stage_on_request_runs_with_all_or_by_its_name(ran: list[str]) -> None:
    everything = list(run.STAGES)
    on_request = [name for name, stage in run.STAGES.items() if stage.on_request]
    assert on_request == ["coverage", "mutants", "room", "cloud"]
    for arguments, wanted in (
        ([], [name for name in everything if name not in on_request]),
        (["--all"], [name for name in everything if name != "mutants"]),
        (["room"], ["room"]),
        (["mutants"], ["mutants"]),
        (["--all", "unit"], ["unit"]),
    ):
        ran.clear()
        assert run.main(arguments) == 0
        assert ran == wanted


def test_unknown_stage_is_an_error(ran: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["rooms"]) == 2
    assert ran == []
    assert "no such stage: rooms" in capsys.readouterr().err


def test_one_failed_stage_fails_the_run_and_stops_no_other(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(run.STAGES, "unit", Stage(lambda: Count(failed=1)))
    assert run.main([]) == 1
    assert "lint" in ran
