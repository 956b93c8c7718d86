"""Two fresh machines give the same report, byte for byte, but for what is a host's own."""

from __future__ import annotations

import json

from testinfra.host import Host
from tests.machines.scenario import Machine

from scratchlab import report
from scratchlab.report.file import canonical

HOSTS = ("fresh1", "fresh2")


def reports(machine: Machine) -> list[report.Report]:
    folder = machine.results / "reports"
    return [report.read(str(folder / name / "report.json")) for name in HOSTS]


def test_the_canonical_part_is_the_same_byte_for_byte(machine: Machine) -> None:
    one, two = (
        json.dumps(canonical(found), indent=1, sort_keys=True).splitlines()
        for found in reports(machine)
    )
    assert one == two
    assert len(one) > 1000


def test_what_they_ship_has_the_same_digest(machine: Machine) -> None:
    digests = {found.head["image"]["ledger_digest"] for found in reports(machine)}
    assert len(digests) == 1


def test_they_are_two_machines(machine: Machine) -> None:
    names = [found.head["host"]["name"] for found in reports(machine)]
    assert len(set(names)) == len(HOSTS)


def test_each_has_a_kernel_of_its_own(host: Host) -> None:
    assert "debian" in host.check_output("uname --kernel-release --kernel-version").lower()
    assert host.file("/sys/fs/cgroup/cgroup.controllers").exists
    assert host.check_output("systemd-detect-virt --container || true") == "none"
