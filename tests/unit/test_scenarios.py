"""The scenarios' runner reads steps, counts and results from Molecule's log."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from junitparser import JUnitXml
from rich.console import Console
from tests import scenarios

LOG = """\
INFO     [default > discovery] scenario test matrix: create, converge, idempotence, verify
INFO     [default > create] Executing
debian12                   : ok=1    changed=1    unreachable=0    failed=0
INFO     [default > create] Executed: Successful
INFO     [default > converge] Executing
    - 12 of 12 checks passed on docker 20.10.24+dfsg1 (overlay2), runc 1.1.5+ds1
    - 11 of 12 checks passed on docker 26.1.5+dfsg1 (overlay2), runc 1.1.15+ds1
PLAY RECAP *********************************************************************
debian12                   : ok=47   changed=12   unreachable=0    failed=0    skipped=11
debian13                   : ok=45   changed=11   unreachable=0    failed=0    skipped=11
INFO     [default > converge] Executed: Successful
INFO     [default > idempotence] Executing
debian12                   : ok=47   changed=0    unreachable=0    failed=0    skipped=11
debian13                   : ok=45   changed=2    unreachable=0    failed=0    skipped=11
ERROR    [default > idempotence] Executed: Failed
"""
PROOFS = """<testsuites><testsuite name="pytest" tests="3" failures="1" errors="0" skipped="0">
<properties><property name="engine" value="docker 20.10.24"/></properties>
<testcase classname="a" name="b"/><testcase classname="a" name="c"/>
<testcase classname="a" name="d"><failure/></testcase></testsuite></testsuites>"""


@pytest.fixture(autouse=True)
def junit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scenarios, "JUNIT", tmp_path)
    (tmp_path / "molecule-default-lab.xml").write_text(PROOFS)
    return tmp_path


def test_steps_are_read_from_a_log() -> None:
    steps = [(step.name, step.ok) for step in scenarios.steps(LOG)]
    assert steps == [("create", True), ("converge", True), ("idempotence", False)]


def test_result_of_a_failed_scenario_has_the_numbers_of_its_log() -> None:
    result = scenarios.judge("default", LOG, 1, 90.0)
    assert result == scenarios.ScenarioResult(
        name="default",
        ok=False,
        seconds=90.0,
        machines=2,
        engines=("docker 20.10.24",),
        tasks=92,
        changed_again=2,
        experiments=(23, 24),
        proofs=(2, 3),
        failed_step="idempotence",
    )


def test_scenario_without_a_step_failed_at_its_start() -> None:
    result = scenarios.judge("default", "molecule: not found", 4, 0.1)
    assert (result.ok, result.failed_step, result.machines) == (False, "start", 0)


def test_every_step_is_a_test_case_and_a_failed_one_has_its_output(junit: Path) -> None:
    result = scenarios.judge("default", LOG, 1, 90.0)
    scenarios.write_junit(result, scenarios.steps(LOG))
    suites = JUnitXml.fromfile(str(junit / "molecule-default.xml"))
    assert (suites.tests, suites.failures) == (3, 1)
    assert "changed=2" in (junit / "molecule-default.xml").read_text()


def test_scenario_that_did_not_start_is_a_failed_test_case(junit: Path) -> None:
    result = scenarios.judge("default", "", 4, 0.1)
    scenarios.write_junit(result, ())
    assert JUnitXml.fromfile(str(junit / "molecule-default.xml")).failures == 1


def test_table_names_the_failed_step() -> None:
    result = scenarios.judge("default", LOG, 1, 90.0)
    console = Console(width=140)
    with console.capture() as output:
        console.print(scenarios.table([result]))
    row = next(line for line in output.get().splitlines() if "default" in line)
    for word in ("FAILED in idempotence", "docker 20.10.24", "92", "23 of 24", "2 of 3", "1.5"):
        assert word in row


VERIFIED = """\
INFO     [default > verify] Executing
INFO     Executing Testinfra tests found in /molecule/default/tests/...
INFO     [default > verify] Executed: Successful
"""


def test_scenario_whose_tests_passed_is_ok() -> None:
    assert scenarios.judge("default", VERIFIED, 0, 90.0).ok


def test_step_without_tests_is_a_failure() -> None:
    log = VERIFIED.replace("Executing Testinfra", "Skipping, no tests found.\nINFO")
    outcome = scenarios.judge("default", log, 0, 90.0)
    assert (outcome.ok, outcome.failed_step) == (False, "verify")


def test_scenario_without_tests_is_a_failure(junit: Path) -> None:
    (junit / "molecule-default-lab.xml").unlink()
    outcome = scenarios.judge("default", LOG.partition("INFO     [default > idem")[0], 0, 90.0)
    assert (outcome.ok, outcome.failed_step) == (False, "verify: it has no tests")


@pytest.mark.parametrize("name", scenarios.names())
def test_molecule_verify_by_hand_finds_tests(name: str) -> None:
    home = scenarios.ROOT / "molecule" / name
    settings = yaml.safe_load((home / "molecule.yml").read_text())
    assert settings["scenario"]["name"] == name
    directory = settings.get("verifier", {}).get("directory", "tests")
    assert list((home / directory).rglob("test_*.py")), directory
    for step in settings["scenario"].get("test_sequence", ()):
        for argument in step.split()[1:] if step.startswith("verify") else ():
            assert list((home / argument).rglob("test_*.py")), argument


def test_every_scenario_of_the_project_is_found() -> None:
    assert {"default", "sid", "podman", "adopt", "broken"} <= set(scenarios.names())
