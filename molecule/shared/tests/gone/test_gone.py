"""After destroy, the machine is as it was before."""

from __future__ import annotations

from tests.e2e import lab_command
from tests.machines.scenario import Machine


def test_machine_is_as_it_was_before(machine: Machine) -> None:
    assert lab_command.differences(machine.before(), machine.now()) == []
