"""The idempotence step of the scenarios can fail: a role that always changes turns it red."""

from __future__ import annotations

import subprocess

import pytest

from tests import scenarios

PLACE = "tests/fixtures/scenarios/*/molecule.yml"


def molecule(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*scenarios.MOLECULE, "test", "-s", "changes"],
        cwd=scenarios.ROOT,
        env=scenarios.environment() | {"MOLECULE_GLOB": PLACE} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


# What a person has in their environment must not blind the step, which reads the callback's words.
@pytest.mark.parametrize("callback", ["ansible.builtin.default", "minimal", "oneline"])
def test_a_role_that_always_changes_is_red(callback: str) -> None:
    done = molecule(CHANGES="always", ANSIBLE_STDOUT_CALLBACK=callback)
    assert done.returncode != 0
    assert "Idempotence test failed because of the following tasks" in done.stdout
    assert "changes : Change something, or not" in done.stdout


def test_a_role_that_changes_nothing_is_green() -> None:
    done = molecule(CHANGES="never")
    assert done.returncode == 0, done.stdout
