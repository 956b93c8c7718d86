"""Every entry of podman's containers is explained, with either runtime."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.machines.scenario import PROGRAM, Machine

RUNTIMES = ("crun", "runc")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_entry_is_explained(
    machine: Machine, runtime: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    done = machine.host.run(
        f"{PROGRAM} verify sleep-{runtime} --engine podman --json /tmp/{runtime}.json"
    )
    assert done.rc == 0, done.stdout + done.stderr
    report = json.loads(machine.output(f"cat /tmp/{runtime}.json"))
    assert report["engine"]["name"] == "podman"
    engine = f"podman {report['engine']['version']} with {runtime}"
    record_testsuite_property("engine", engine)
    assert report["runtime"]["name"] == runtime
    assert report["summary"]["unexplained"] == 0
    assert report["summary"]["image_entries"] == 1


def test_both_runtimes_have_the_same_image(machine: Machine) -> None:
    digests = {
        json.loads(machine.output(f"cat /tmp/{runtime}.json"))["image"]["ledger_digest"]
        for runtime in RUNTIMES
    }
    assert len(digests) == 1


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_change_in_the_container_is_explained(machine: Machine, runtime: str) -> None:
    root = machine.output(f"podman inspect --format '{{{{.State.Pid}}}}' sleep-{runtime}")
    machine.output(f"echo hello >/proc/{root}/root/planted")
    try:
        done = machine.host.run(f"{PROGRAM} why sleep-{runtime} /planted --engine podman")
        assert "written-later" in done.stdout, done.stdout + done.stderr
    finally:
        machine.output(f"rm /proc/{root}/root/planted")
