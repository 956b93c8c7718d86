"""Fixtures for the tests that Molecule's verifier runs on every machine of a scenario."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from testinfra.host import Host
from tests.machines.scenario import Machine

JUNIT = Path(__file__).parents[1] / "build" / "junit"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Write a JUnit file for each verify step of a scenario, beside all others."""
    scenario = os.environ.get("MOLECULE_SCENARIO_NAME", "by-hand")
    step = "-".join(Path(argument).parent.name for argument in config.args)
    config.option.xmlpath = str(JUNIT / f"molecule-{scenario}-{step}.xml")


@pytest.fixture(scope="module")
def machine(host: Host) -> Machine:
    return Machine(host)
