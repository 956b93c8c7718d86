"""A virtual machine that boots with the user-data of ./lab cloud-init proves itself.

It has a kernel of its own, and its cloud-init finds the seed as in a cloud: nothing names the data
source. Emulated it takes most of an hour: ``./lab test --all``, or ``./lab test cloud``.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest

from tests.machines import seeded
from tests.machines.fresh import Fresh

WAIT = 2400  # seconds, emulated

pytestmark = [pytest.mark.root]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seeded.VirtualMachine]:
    """A virtual machine that was rebooted with the seed."""
    machines = Fresh("cloud")
    machines.down()  # what a killed run left
    machines.up({seeded.NAME: "trixie"}, on="qemu")
    try:
        made = seeded.VirtualMachine(machines)
        seeded.switch_on(made, tmp_path_factory.mktemp("repository"), {})
        yield made
    finally:
        machines.down()


def test_cloud_init_found_the_seed_by_itself(machine: seeded.VirtualMachine) -> None:
    said = machine.sh("cloud-init status --wait --long; echo status $?")
    assert said.endswith(("\nstatus 0", "\nstatus 2")), said  # 2: done, with warnings
    assert machine.sh("cloud-id") == "nocloud"
    found = machine.sh("cat /run/cloud-init/ds-identify.log")
    assert "Found single datasource: NoCloud" in found, found


def test_switched_on_it_proves_itself(machine: seeded.VirtualMachine) -> None:
    seeded.assert_proved(machine, WAIT)


def test_its_report_came_back_from_a_kernel_of_its_own(machine: seeded.VirtualMachine) -> None:
    seeded.assert_report_came_back(machine)
    assert machine.sh("uname -r") != platform.release()


def test_the_next_boot_does_not_run_it_again(machine: seeded.VirtualMachine) -> None:
    seeded.assert_not_run_again(machine)
