"""The machines of one test: made, found again and removed by lifecycle, like those of a person."""

from __future__ import annotations

import sys
from typing import Any

from machines import lifecycle
from machines.backends import backend, choose
from machines.model import Machine
from machines.place import Place
from machines.qemu import BOOT_SECONDS


class Fresh:
    """Machines of the test ``test``, apart from those of ``./lab machines`` and of other tests."""

    def __init__(self, test: str) -> None:
        self.place = Place(state=Place().cache / test)

    def machine(self, name: str, suite: str, on: str = "docker") -> Machine:
        """The machine called ``name``, made or not."""
        chosen, kind = choose(on, "", self.place)
        return Machine(name, self.place.instance(name), chosen.name, kind, suite)

    def up(self, suites: dict[str, str], on: str = "docker") -> None:
        """Make machines by name and suite, or start them. Raises MachineError."""
        wanted = [self.machine(name, suite, on) for name, suite in suites.items()]
        lifecycle.up(self.place, wanted, _say, BOOT_SECONDS)

    def down(self) -> None:
        """Remove all of them, also those of a killed run."""
        lifecycle.down(self.place, self.place.machines(), _say)

    def instance(self, name: str) -> str:
        """The name of a machine at its backend."""
        return self.place.instance(name)

    def variables(self, name: str) -> dict[str, Any]:
        """Ansible's variables of a machine."""
        return lifecycle.hosts(self.place)[name]

    def command(self, name: str, *words: str) -> list[str]:
        """The command that runs ``words`` on a machine as its user."""
        machine = next(one for one in self.place.machines() if one.name == name)
        return backend(machine.on, self.place).connection(machine).command(*words)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
