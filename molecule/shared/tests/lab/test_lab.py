"""The lab stands, every experiment passed, and nothing that was there before is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.machines.scenario import PROGRAM, Machine


def test_every_experiment_passed(machine: Machine) -> None:
    assert machine.unproved() == {}


def test_the_report_is_about_this_machine(
    machine: Machine, record_testsuite_property: Callable[[str, object], None]
) -> None:
    report = machine.report()
    record_testsuite_property("engine", f"{report['engine']['name']} {report['engine']['version']}")
    assert report["host"]["name"] == machine.output("uname --nodename")
    assert report["host"]["kernel"] == machine.output("uname --kernel-release")
    assert report["summary"]["unexplained"] == 0


def test_the_engine_runs_and_will_after_a_restart(machine: Machine) -> None:
    service = machine.host.service("docker")
    assert service.is_running
    assert service.is_enabled


def test_the_container_runs_the_image_from_scratch(machine: Machine) -> None:
    listing = f"docker export {machine.container} | tar -t | grep -v / | sort"
    shown = json.loads(machine.output(f"docker inspect {machine.container}"))[0]
    assert shown["State"]["Running"]
    assert shown["Config"]["Image"] == "sleep"
    assert machine.output(listing) == ".dockerenv\nsleep"


def test_scratchlab_verifies_it_from_a_shell(machine: Machine) -> None:
    done = machine.host.run(f"{PROGRAM} verify {machine.container}")
    assert done.rc == 0, done.stdout + done.stderr


def test_what_was_there_before_kept_its_owner_and_mode(machine: Machine) -> None:
    before, now = machine.before()["files"], machine.now()["files"]
    changed = {
        path: f"{was} -> {now.get(path)}"
        for path, was in before.items()
        if was not in ("there", "empty", "in use")
        and now.get(path, "").split()[:2] != was.split()[:2]
    }
    assert changed == {}


def test_no_package_of_the_machine_was_removed_or_exchanged(machine: Machine) -> None:
    assert set(machine.before()["packages"]) <= set(machine.now()["packages"])
