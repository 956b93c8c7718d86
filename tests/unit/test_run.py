"""Which stages ``./lab test`` runs, and when it is content."""

from __future__ import annotations

import pytest
from tests import run
from tests.run import Count


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were run, none of which does anything."""
    done: list[str] = []

    def stage(name: str) -> Count:
        done.append(name)
        return Count(passed=1)

    stages = {name: (lambda name=name: stage(name)) for name in run.STAGES}
    monkeypatch.setattr(run, "STAGES", stages)
    monkeypatch.setattr(run, "scenarios", lambda _: stage("scenarios"))
    return done


def test_what_takes_long_runs_when_it_is_asked_for(ran: list[str]) -> None:
    everything = list(run.STAGES)
    assert "room" in everything
    for words, wanted in (
        ([], [name for name in everything if name != "room"]),
        (["--all"], everything),
        (["room"], ["room"]),
        (["--all", "unit"], ["unit"]),
    ):
        ran.clear()
        assert run.main(words) == 0
        assert ran == wanted


def test_an_unknown_stage_is_named(ran: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["rooms"]) == 2
    assert ran == []
    assert "no such stage: rooms" in capsys.readouterr().err


def test_one_failure_is_enough(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(run.STAGES, "unit", lambda: Count(failed=1))
    assert run.main([]) == 1
    assert "lint" in ran, "the others ran all the same"
