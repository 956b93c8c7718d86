"""After destroy: the machine is what it was."""

from __future__ import annotations

from tests.e2e import lab_command
from tests.machines.scenario import Machine


def test_the_machine_is_what_it_was(machine: Machine) -> None:
    assert lab_command.differences(machine.before(), machine.now()) == []
