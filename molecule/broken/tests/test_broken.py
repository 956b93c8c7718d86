"""Each fault of the machine is named, and repaired by the lab or left to its owner."""

from __future__ import annotations

import json
from typing import Any

from tests.machines.scenario import PROGRAM, Machine

BINARY = "/var/lib/scratchlab/build/sleep/sleep"
REPORT = "/run/checks.json"


def checks(machine: Machine) -> dict[str, dict[str, Any]]:
    """Run the experiments on the machine, as a learner does; return the checks by id."""
    done = machine.host.run(f"{PROGRAM} experiments --json {REPORT}")
    assert done.rc in (0, 1), done.stderr
    report = json.loads(machine.output(f"cat {REPORT}"))
    return {check["id"]: check for check in report["checks"]}


def repair(machine: Machine) -> None:
    """Run the lab: it repairs the machine, and every experiment passes."""
    done = machine.lab()
    assert done.returncode == 0, done.stdout
    assert machine.unproved() == {}


def fails(check: dict[str, Any], cause: str, help_: str) -> None:
    """Assert that the check failed for this reason and names the remedy."""
    assert check["verdict"] == "fail", check
    assert cause in check["cause"]
    assert help_ in check["help"]


def test_stopped_engine(machine: Machine) -> None:
    machine.output("systemctl stop docker.socket docker.service")
    done = machine.host.run(f"{PROGRAM} experiments --json {REPORT}")
    assert done.rc == 2
    assert done.stderr.count("\n") <= 1, done.stderr
    assert "systemctl start docker" in done.stderr or "./lab" in done.stderr, done.stderr
    repair(machine)


def test_deleted_image(machine: Machine) -> None:
    machine.output("docker rm --force sleep && docker rmi sleep")
    by_id = checks(machine)
    fails(by_id["E05"], "no image sleep", "./lab")
    assert by_id["E06"]["verdict"] == "skip"
    repair(machine)


def test_killed_container(machine: Machine) -> None:
    machine.output("docker kill sleep")
    fails(checks(machine)["E06"], "exited", "docker start sleep")
    repair(machine)


def test_program_that_is_not_static(machine: Machine) -> None:
    machine.output(f"cp /bin/true {BINARY}")
    by_id = checks(machine)
    fails(by_id["E04"], "linked dynamically", "CGO_ENABLED=0")
    assert by_id["E05"]["verdict"] == "skip"
    repair(machine)


def test_damaged_engine_configuration_is_named_and_left(machine: Machine) -> None:
    before = machine.host.run("cat /etc/docker/daemon.json")
    machine.output("mkdir -p /etc/docker; printf '{\"mtu\": ' >/etc/docker/daemon.json")
    machine.output("systemctl stop docker.socket docker.service")
    done = machine.lab("-e", '{"docker_host_daemon_options": {"debug": false}}')
    assert done.returncode == 2
    assert "/etc/docker/daemon.json is not valid JSON" in done.stdout
    assert "Traceback" not in done.stdout
    assert machine.output("cat /etc/docker/daemon.json") == '{"mtu": '
    remedy = (
        "rm /etc/docker/daemon.json"
        if before.rc
        else f"printf %s '{before.stdout}' >/etc/docker/daemon.json"
    )
    machine.output(remedy)
    repair(machine)


def test_container_of_someone_else_with_the_same_name_stays(machine: Machine) -> None:
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
    repair(machine)
    assert machine.output("docker inspect --format '{{.Id}}' my-sleep") == theirs
