"""The idempotence step of the scenarios fails for a role that always changes something."""

from __future__ import annotations

import subprocess

import pytest

from tests import scenarios

GLOB = "tests/fixtures/scenarios/*/molecule.yml"


def molecule(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*scenarios.MOLECULE, "test", "-s", "changes"],
        cwd=scenarios.ROOT,
        env=scenarios.environment() | {"MOLECULE_GLOB": GLOB} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


# The step reads the callback's output: a person's environment must not choose another callback.
@pytest.mark.parametrize("callback", ["ansible.builtin.default", "minimal", "oneline"])
def test_role_that_always_changes_fails(callback: str) -> None:
    done = molecule(CHANGES="always", ANSIBLE_STDOUT_CALLBACK=callback)
    assert done.returncode != 0
    assert "Idempotence test failed because of the following tasks" in done.stdout
    assert "changes : Change something, or not" in done.stdout


def test_role_that_changes_nothing_passes() -> None:
    done = molecule(CHANGES="never")
    assert done.returncode == 0, done.stdout
