"""Observations of a real run (Docker 20.10.24, overlay2, runc 1.1.5, cgroup v1, Debian 12)."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scratchlab import codec, deadlines
from scratchlab.experiments.runner import load_module
from scratchlab.experiments.table import EXPERIMENTS, Experiment, ExperimentOutcome, Explanation
from scratchlab.remedy import advise

from .small import Make, Observation

OBSERVED = Path(__file__).parent / "observed" / "docker-20.10.24.json"
BY_ID = {experiment.id: experiment for experiment in EXPERIMENTS}


def observed_on(engine: str, name: str) -> Callable[[Any], Any]:
    """A change to the real observation of an experiment on another engine (a file's name)."""
    data = json.loads((OBSERVED.parent / f"{engine}.json").read_text())[name]
    return lambda _: codec.decode(load_module(BY_ID[name]).Observation, data)


@pytest.fixture(scope="session")
def observed() -> dict[str, Any]:
    """The observations by experiment id."""
    data = json.loads(OBSERVED.read_text())
    return {
        key: codec.decode(load_module(BY_ID[key]).Observation, item) for key, item in data.items()
    }


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """``make("T1", probe, "T0")``: an experiment with this probe that depends on T0."""

    def experiment(name: str, probe: Callable[[Any], Observation], *needs: str) -> Experiment:
        part = types.ModuleType(f"scratchlab.experiments.{name}")
        part.Observation = Observation  # type: ignore[attr-defined]
        part.probe = probe  # type: ignore[attr-defined]
        part.judge = lambda found: ExperimentOutcome("seen", None if found.good else "bad")  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, part.__name__, part)
        return Experiment(
            id=name,
            module=name,
            title=name,
            claim=name,
            command=name,
            article=name,
            expected=name,
            timeout=0.3,
            depends_on=needs,
            fault={"bad": Explanation("c.", advise("h"))},
        )

    return experiment


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has one core."""
    monkeypatch.setattr(deadlines.Pace, "at_once", lambda _: 1)
