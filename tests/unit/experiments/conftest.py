"""Observations of a real run (Docker 20.10.24, overlay2, runc 1.1.5, cgroup v1, Debian 12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scratchlab import codec
from scratchlab.experiments import EXPERIMENTS
from scratchlab.experiments.runner import module

OBSERVED = Path(__file__).parent / "observed" / "docker-20.10.24.json"
BY_ID = {experiment.id: experiment for experiment in EXPERIMENTS}


def seen_on(where: str, name: str) -> Callable[[Any], Any]:
    """Stands for a change: what an experiment really saw on another engine (a file's name)."""
    data = json.loads((OBSERVED.parent / f"{where}.json").read_text())[name]
    return lambda _: codec.decode(module(BY_ID[name]).Observation, data)


@pytest.fixture(scope="session")
def observed() -> dict[str, Any]:
    """What the probes saw, by experiment id."""
    data = json.loads(OBSERVED.read_text())
    return {key: codec.decode(module(BY_ID[key]).Observation, item) for key, item in data.items()}
