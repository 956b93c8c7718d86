"""The workflow for GitHub names stages, scenarios and Python versions that exist.

Nothing here runs it: that needs GitHub.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from tests import run, scenarios

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github/workflows/test.yml"


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["jobs"]
    return found


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_every_scenario_is_in_the_matrix() -> None:
    assert jobs()["scenario"]["strategy"]["matrix"]["scenario"] == scenarios.names()


def test_every_python_from_the_oldest_is_in_the_matrix() -> None:
    versions = jobs()["lint-and-unit"]["strategy"]["matrix"]["python"]
    oldest = re.search(r"^minimum='3, (\d+)'$", (ROOT / "lab").read_text(), re.M)
    assert oldest
    assert versions == [f"3.{minor}" for minor in range(int(oldest[1]), 15)]


def test_stages_exist() -> None:
    lines = [line for job in jobs().values() for line in commands(job)]
    stages = [match[1] for line in lines for match in re.finditer(r"/lab test (\w+)", line)]
    assert {"lint", "unit", "coverage"} <= set(stages)
    assert set(stages) <= set(run.STAGES)


def test_variables_are_those_of_the_matrix() -> None:
    for job in jobs().values():
        used = set(re.findall(r"\$\{\{ matrix\.(\w+) \}\}", yaml.safe_dump(job)))
        assert used == set(job["strategy"]["matrix"])


def test_files_that_it_reads_exist() -> None:
    text = FILE.read_text()
    for path in ("molecule/packages.txt", "tests/scenarios.py", "tests/unit/test_workflow.py"):
        assert path in text or path.replace("/", ".").removesuffix(".py") in text
        assert (ROOT / path).is_file()
