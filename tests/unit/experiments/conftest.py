"""Observations of a real run (Docker 20.10.24, overlay2, runc 1.1.5, cgroup v1, Debian 12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scratchlab import codec
from scratchlab.experiments.runner import load_module
from scratchlab.experiments.table import EXPERIMENTS

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
