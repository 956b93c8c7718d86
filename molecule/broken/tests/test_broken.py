"""Each way to break the machine: named, mended by the lab, or left to its owner."""

from __future__ import annotations

import json
from typing import Any

from tests.machines.scenario import PROGRAM, Machine

BINARY = "/var/lib/scratchlab/build/sleep/sleep"
REPORT = "/run/checks.json"


def checks(machine: Machine) -> dict[str, dict[str, Any]]:
    """What the experiments say when a learner runs them on the machine."""
    done = machine.host.run(f"{PROGRAM} experiments --json {REPORT}")
    assert done.rc in (0, 1), done.stderr
    report = json.loads(machine.output(f"cat {REPORT}"))
    return {check["id"]: check for check in report["checks"]}


def mended(machine: Machine) -> None:
    """The lab repairs it, and says so truly."""
    done = machine.lab()
    assert done.returncode == 0, done.stdout
    assert machine.unproved() == {}


def fails(check: dict[str, Any], cause: str, help_: str) -> None:
    """The check failed for this reason and says what to do."""
    assert check["verdict"] == "fail", check
    assert cause in check["cause"]
    assert help_ in check["help"]


def test_an_engine_that_was_stopped(machine: Machine) -> None:
    machine.output("systemctl stop docker.socket docker.service")
    done = machine.host.run(f"{PROGRAM} experiments --json {REPORT}")
    assert done.rc == 2
    assert done.stderr.count("\n") <= 1, done.stderr
    assert "systemctl start docker" in done.stderr or "./lab" in done.stderr, done.stderr
    mended(machine)


def test_an_image_that_was_deleted(machine: Machine) -> None:
    machine.output("docker rm --force sleep && docker rmi sleep")
    found = checks(machine)
    fails(found["E05"], "no image sleep", "./lab")
    assert found["E06"]["verdict"] == "skip"
    mended(machine)


def test_a_container_that_was_killed(machine: Machine) -> None:
    machine.output("docker kill sleep")
    fails(checks(machine)["E06"], "exited", "docker start sleep")
    mended(machine)


def test_a_program_that_is_not_static(machine: Machine) -> None:
    machine.output(f"cp /bin/true {BINARY}")
    found = checks(machine)
    fails(found["E04"], "linked dynamically", "CGO_ENABLED=0")
    assert found["E05"]["verdict"] == "skip"
    mended(machine)


def test_a_damaged_configuration_of_the_engine_is_named_and_left(machine: Machine) -> None:
    before = machine.host.run("cat /etc/docker/daemon.json")
    machine.output("mkdir -p /etc/docker; printf '{\"mtu\": ' >/etc/docker/daemon.json")
    machine.output("systemctl stop docker.socket docker.service")
    done = machine.lab("-e", '{"docker_host_daemon_options": {"debug": false}}')
    assert done.returncode == 2
    assert "/etc/docker/daemon.json is not valid JSON" in done.stdout
    assert "Traceback" not in done.stdout
    assert machine.output("cat /etc/docker/daemon.json") == '{"mtu": '
    mend = (
        "rm /etc/docker/daemon.json"
        if before.rc
        else f"printf %s '{before.stdout}' >/etc/docker/daemon.json"
    )
    machine.output(mend)
    mended(machine)


def test_a_container_of_someone_else_in_its_place_stays(machine: Machine) -> None:
    machine.output("docker rm --force sleep")
    theirs = machine.output("docker run --detach --name sleep scratchlab-debug sleep 600")
    fails(checks(machine)["E06"], "not the lab's", "docker rename sleep")
    done = machine.lab()
    assert done.returncode == 2
    assert "docker rename sleep my-sleep" in done.stdout
    assert (
        machine.output("docker inspect --format '{{.Id}} {{.State.Running}}' sleep")
        == f"{theirs} true"
    )
    machine.output("docker rename sleep my-sleep")
    mended(machine)
    assert machine.output("docker inspect --format '{{.Id}}' my-sleep") == theirs
