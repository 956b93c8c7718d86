"""An option that dockerd refuses is explained by dockerd, and the engine runs as before."""

from __future__ import annotations

import json

from tests.machines.scenario import Machine

STATE = "sha256sum /etc/docker/daemon.json /var/lib/scratchlab/receipts/file*"


def provision(machine: Machine, options: dict[str, object]) -> tuple[int, str]:
    variables = json.dumps({"docker_host_daemon_options": options})
    done = machine.lab("--tags", "provision", "-e", variables)
    return done.returncode, " ".join(done.stdout.split())


def test_refused_option_is_quoted_and_the_engine_runs_with_the_earlier_file(
    machine: Machine,
) -> None:
    status, output = provision(machine, {"debug": True, "log-opts": {"max-size": "1m"}})
    assert status == 0, output
    before = machine.output(STATE)
    status, output = provision(machine, {"no-such-option": True})
    assert status == 2
    assert (
        "dockerd says: unable to configure the Docker daemon with file /etc/docker/daemon.json: "
        "the following directives don't match any configuration option: no-such-option"
    ) in output
    assert "/etc/docker/daemon.json is as it was before this run, and the engine runs" in output
    assert machine.output(STATE) == before
    assert machine.output("docker info --format '{{.Debug}}'") == "true"


def test_refused_option_on_a_machine_without_a_file_leaves_none(machine: Machine) -> None:
    status, output = provision(machine, {})
    assert status == 0, output
    there = machine.host.file("/etc/docker/daemon.json").exists
    status, output = provision(machine, {"no-such-option": True})
    assert status == 2
    assert machine.host.file("/etc/docker/daemon.json").exists == there
    assert machine.output("docker version --format '{{.Server.Os}}'") == "linux"
    status, output = provision(machine, {})
    assert (status, "changed=0" in output) == (0, True), output
