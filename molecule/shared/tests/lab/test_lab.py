"""The lab runs, every experiment passed, and everything that was there before is intact."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.machines.scenario import PROGRAM, Machine


def test_every_experiment_passed(machine: Machine) -> None:
    assert machine.unproved() == {}


def test_report_describes_this_machine(
    machine: Machine, record_testsuite_property: Callable[[str, object], None]
) -> None:
    report = machine.report()
    record_testsuite_property("engine", f"{report['engine']['name']} {report['engine']['version']}")
    assert report["host"]["name"] == machine.output("uname --nodename")
    assert report["host"]["kernel"] == machine.output("uname --kernel-release")
    assert report["summary"]["unexplained"] == 0


def test_engine_runs_and_starts_at_boot(machine: Machine) -> None:
    service = machine.host.service("docker")
    assert service.is_running
    assert service.is_enabled


def test_container_runs_the_image_from_scratch(machine: Machine) -> None:
    listing = f"docker export {machine.container} | tar -t | grep -v / | sort"
    described = json.loads(machine.output(f"docker inspect {machine.container}"))[0]
    assert described["State"]["Running"]
    assert described["Config"]["Image"] == "sleep"
    assert machine.output(listing) == ".dockerenv\nsleep"


def test_scratchlab_verifies_the_container_from_a_shell(machine: Machine) -> None:
    done = machine.host.run(f"{PROGRAM} verify {machine.container}")
    assert done.rc == 0, done.stdout + done.stderr


def test_earlier_files_kept_their_owner_and_mode(machine: Machine) -> None:
    before, now = machine.before()["files"], machine.now()["files"]
    changed = {
        path: f"{old} -> {now.get(path)}"
        for path, old in before.items()
        if old not in ("there", "empty", "in use")
        and now.get(path, "").split()[:2] != old.split()[:2]
    }
    assert changed == {}


def test_earlier_packages_are_still_installed_in_the_same_version(machine: Machine) -> None:
    assert set(machine.before()["packages"]) <= set(machine.now()["packages"])
