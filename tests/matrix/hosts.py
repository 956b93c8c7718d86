"""Hosts for the engines of the matrix: system containers and virtual machines."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from typing import Protocol

from tests.machines.fresh import Fresh


class Host(Protocol):
    """A fresh Debian on which commands are run as root."""

    def up(self) -> None:
        """Start it unless it runs. Raises MachineError."""

    def down(self) -> None:
        """Remove it with its volumes or disk."""

    def command(self, *words: str) -> list[str]:
        """The local command that runs ``words`` on the host."""


class ContainerHost:
    """A system container."""

    def __init__(self, name: str, suite: str) -> None:
        self.name, self.suite = name, suite
        self.machines = Fresh(f"matrix-{name}")

    def up(self) -> None:
        """See Host."""
        self.machines.up({self.name: self.suite})

    def down(self) -> None:
        """See Host."""
        self.machines.down()

    def command(self, *words: str) -> list[str]:
        """See Host."""
        return ["docker", "exec", "--interactive", self.machines.instance(self.name), *words]


class VirtualHost:
    """A virtual machine, with a kernel and control groups of its own."""

    def __init__(self, name: str, suite: str) -> None:
        self.name, self.suite = name, suite
        self.machines = Fresh(f"matrix-{name}-vm")

    def up(self) -> None:
        """See Host."""
        self.machines.up({self.name: self.suite}, on="qemu")

    def down(self) -> None:
        """See Host."""
        self.machines.down()

    def command(self, *words: str) -> list[str]:
        """See Host."""
        return self.machines.command(self.name, "sudo", *words)


def output(host: Host, *words: str, stdin: bytes = b"") -> str:
    """Standard output of a command on the host. Raises RuntimeError with its error output."""
    done = subprocess.run(host.command(*words), capture_output=True, check=False, input=stdin)
    if done.returncode:
        message = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise RuntimeError(f"{shlex.join(words)[:80]}: {message[-400:]}")
    return done.stdout.decode(errors="replace")


def show(host: Host, *words: str) -> int:
    """Run a command on the host with this process's output; returns its exit status."""
    command: Sequence[str] = host.command(*words)
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
