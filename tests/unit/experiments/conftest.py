"""Observations of a real run (Docker 20.10.24, overlay2, runc 1.1.5, cgroup v1, Debian 12)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scratchlab import codec
from scratchlab.experiments import EXPERIMENTS
from scratchlab.experiments.runner import module

OBSERVED = Path(__file__).parent / "observed" / "docker-20.10.24.json"
BY_ID = {experiment.id: experiment for experiment in EXPERIMENTS}


@pytest.fixture(scope="session")
def observed() -> dict[str, Any]:
    """What the probes saw, by experiment id."""
    data = json.loads(OBSERVED.read_text())
    return {key: codec.decode(module(BY_ID[key]).Observation, item) for key, item in data.items()}
