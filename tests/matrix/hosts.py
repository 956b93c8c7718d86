"""Where the engines of the matrix run: a system container, or a virtual machine."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from typing import Protocol

from tests.machines import container, vm
from tests.machines.base import USER
from tests.machines.disk import Disk, disk


class Place(Protocol):
    """A fresh Debian that commands run in, as root."""

    def up(self) -> None:
        """Make it, unless it is there. Raises an error of tests.machines."""

    def down(self) -> None:
        """Remove it with all that it holds."""

    def command(self, *words: str) -> list[str]:
        """The command of this machine that runs ``words`` there."""


class Container:
    """A system container."""

    def __init__(self, name: str, suite: str) -> None:
        self.name, self.suite = name, suite

    def up(self) -> None:
        """As Place."""
        container.up(self.name, self.suite)

    def down(self) -> None:
        """As Place."""
        container.down(self.name)

    def command(self, *words: str) -> list[str]:
        """As Place."""
        return ["docker", "exec", "--interactive", self.name, *words]


class Virtual:
    """A virtual machine, with a kernel and control groups of its own."""

    def __init__(self, name: str, suite: str) -> None:
        self.machine, self.suite = vm.VirtualMachine(f"{name}-vm"), suite
        self._disk: Disk | None = None

    def up(self) -> None:
        """As Place."""
        self._disk = disk(self.suite)
        vm.up(self.machine, self.suite, vm.KERNEL, vm.BOOT_SECONDS)

    def down(self) -> None:
        """As Place."""
        self.machine.stop()

    def command(self, *words: str) -> list[str]:
        """As Place."""
        assert self._disk is not None
        ssh = ["ssh", *vm.ssh_options(self._disk), "-p", str(self.machine.port)]
        return [*ssh, f"{USER}@127.0.0.1", shlex.join(["sudo", *words])]


def output(place: Place, *words: str, stdin: bytes = b"") -> str:
    """What a command prints there. Raises RuntimeError with its last words."""
    done = subprocess.run(place.command(*words), capture_output=True, check=False, input=stdin)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise RuntimeError(f"{shlex.join(words)[:80]}: {said[-400:]}")
    return done.stdout.decode(errors="replace")


def show(place: Place, *words: str) -> int:
    """Run a command there that prints for itself; gives its exit status."""
    command: Sequence[str] = place.command(*words)
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
