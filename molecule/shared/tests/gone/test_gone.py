"""After destroy: the machine is what it was."""

from __future__ import annotations

from tests.e2e import door
from tests.machines.seen import Machine


def test_the_machine_is_what_it_was(machine: Machine) -> None:
    assert door.differences(machine.before(), machine.now()) == []
