"""After destroy, the machine is as it was before."""

from __future__ import annotations

from tests.e2e import door
from tests.machines.seen import Machine


def test_machine_is_as_it_was_before(machine: Machine) -> None:
    assert door.differences(machine.before(), machine.now()) == []
