"""Two fresh machines produce the same report, byte for byte, except for parts about the host."""

from __future__ import annotations

import json

from testinfra.host import Host
from tests.machines.scenario import Machine

from scratchlab import report
from scratchlab.report.file import canonical

HOSTS = ("fresh1", "fresh2")


def reports(machine: Machine) -> list[report.Report]:
    directory = machine.results / "reports"
    return [report.read(str(directory / name / "report.json")) for name in HOSTS]


def test_canonical_part_is_the_same_byte_for_byte(machine: Machine) -> None:
    first, second = (
        json.dumps(canonical(each), indent=1, sort_keys=True).splitlines()
        for each in reports(machine)
    )
    assert first == second
    assert len(first) > 1000


def test_images_have_the_same_digest(machine: Machine) -> None:
    digests = {each.head["image"]["ledger_digest"] for each in reports(machine)}
    assert len(digests) == 1


def test_reports_are_of_two_machines(machine: Machine) -> None:
    names = [each.head["host"]["name"] for each in reports(machine)]
    assert len(set(names)) == len(HOSTS)


def test_each_machine_has_a_kernel_of_its_own(host: Host) -> None:
    assert "debian" in host.check_output("uname --kernel-release --kernel-version").lower()
    assert host.file("/sys/fs/cgroup/cgroup.controllers").exists
    assert host.check_output("systemd-detect-virt --container || true") == "none"
