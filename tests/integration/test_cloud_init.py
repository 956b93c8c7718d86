"""The real cloud-init reads what ./lab cloud-init printed; a seed becomes a lab and its report.

On a system container, which is rebooted as a machine is switched on. The same on a virtual machine:
tests/e2e/test_cloud.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.machines import seeded
from tests.machines.fresh import Fresh

WAIT = 1800  # seconds, on a busy machine
# What cloud-init finds by itself on a virtual machine.
SOURCE = {"etc/cloud/cloud.cfg.d/90_seed.cfg": b"datasource_list: [NoCloud]\n"}

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seeded.Container]:
    """A machine that was switched on with the seed."""
    machines = Fresh("cloud-init")
    machines.up({seeded.NAME: "trixie"})
    try:
        made = seeded.Container(machines)
        seeded.switch_on(made, tmp_path_factory.mktemp("repository"), SOURCE)
        yield made
    finally:
        machines.down()


def test_switched_on_it_proves_itself(machine: seeded.Container) -> None:
    seeded.assert_proved(machine, WAIT)


def test_its_report_came_back(machine: seeded.Container) -> None:
    seeded.assert_report_came_back(machine)


def test_the_next_boot_does_not_run_it_again(machine: seeded.Container) -> None:
    seeded.assert_not_run_again(machine)
