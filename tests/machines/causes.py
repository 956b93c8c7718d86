"""What the tests of the scenario ``causes`` share: what ./lab check says, and what the lab says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.lab_command import ROOT
from tests.machines.scenario import Machine

SOURCES = "/etc/apt/sources.list.d"


def check(machine: Machine, *arguments: str) -> dict[str, Any]:
    """Run ./lab check's playbook for the machine; return what it recorded."""
    inventory = f"{os.environ['MOLECULE_SCENARIO_DIRECTORY']}/inventory"
    file = ROOT / ".cache" / "check" / machine.name / "status.json"
    file.unlink(missing_ok=True)
    command = ["ansible-playbook", "-i", inventory, "-l", machine.name, "playbooks/check.yml"]
    subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def observed(machine: Machine, question: str) -> str:
    """What ./lab check observed of a machine that is ready."""
    status = check(machine)
    assert status["state"] == "done", status["reason"]
    return str(next(one["observed"] for one in status["readiness"] if one["id"] == question))


def provision(machine: Machine) -> tuple[int, str]:
    """Run the first stage of the lab; returns its exit status and what it printed, in one line."""
    done = machine.lab("--tags", "provision")
    return done.returncode, " ".join(done.stdout.split())


def named_by_the_lab(machine: Machine, *words: str) -> None:
    """Assert that the lab stops with these words and leaves no service policy behind."""
    status, output = provision(machine)
    assert status == 2, output
    for word in words:
        assert word in output
    assert "Traceback" not in output
    assert not machine.host.file("/usr/sbin/policy-rc.d").exists


def foretold_and_named(machine: Machine, *words: str) -> None:
    """Assert that ./lab check and the lab both say this, and that the check changes nothing."""
    before = machine.output("dpkg --get-selections; ls -lR /etc/apt /var/lib/apt /var/cache/apt")
    status = check(machine)
    assert status["state"] == "failed", status
    for word in words:
        assert word in status["reason"]
    after = machine.output("dpkg --get-selections; ls -lR /etc/apt /var/lib/apt /var/cache/apt")
    assert after == before
    named_by_the_lab(machine, *words)


@contextmanager
def state(machine: Machine, make: str, undo: str) -> Iterator[None]:
    """A machine in the state that ``make`` brings about, until ``undo`` ends it."""
    machine.host.run("sh -c %s", make)
    try:
        yield
    finally:
        machine.output("sh -c %s", undo)
