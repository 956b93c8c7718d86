"""What a machine is, and what a backend must be able to do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

# Like a student's user: sudo works without a password.
USER = "student"


class MachineError(Exception):
    """A machine could not be made or reached (exit status 2).

    ``what`` names the problem and the machine; ``remedy`` is the command that mends it.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} -- {remedy}" if remedy else what)


class Kind(StrEnum):
    """What a machine is made as."""

    CONTAINER = "container"  # systemd is its process 1; the kernel is the host's
    VM = "vm"  # a kernel of its own


class State(StrEnum):
    """What a backend knows of a machine."""

    RUNNING = "running"
    STOPPED = "stopped"
    MISSING = "missing"  # recorded, and not there: its making or removal was interrupted


@dataclass(frozen=True)
class Limits:
    """What a machine may take; None leaves it to the backend."""

    memory_mib: int | None = None
    cpus: int | None = None
    disk_gib: int | None = None


@dataclass(frozen=True)
class Machine:
    """A machine as it is recorded before anything of it is made."""

    name: str  # in the inventory, and its host name
    instance: str  # its name at the backend; two checkouts on one host have different ones
    on: str  # the backend
    kind: Kind
    release: str
    limits: Limits = field(default_factory=Limits)
    privileged: bool = False
    port: int = 0  # on the loopback interface of its host, for ssh; 0 if ssh comes another way

    def specification(self) -> tuple[str, Kind, str, Limits, bool]:
        """What a person asked for; another one is another machine."""
        return self.on, self.kind, self.release, self.limits, self.privileged


@dataclass(frozen=True)
class Connection:
    """How ssh reaches a machine from the host that runs it."""

    host: str
    alias: str  # under which known_hosts has its key
    key: str  # path of the private key
    known_hosts: str  # path
    port: int = 0
    proxy: tuple[str, ...] = ()  # a command whose input and output lead to its sshd

    def options(self) -> list[str]:
        """Arguments of ssh(1) but for user, port and host."""
        options = [
            *("-o", "IdentitiesOnly=yes", "-o", f"HostKeyAlias={self.alias}"),
            *("-o", f'UserKnownHostsFile="{self.known_hosts}"', "-o", "StrictHostKeyChecking=yes"),
            *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
        ]
        if self.proxy:
            options += ["-o", f"ProxyCommand={shlex.join(self.proxy)}"]
        return options

    def command(self, *words: str) -> list[str]:
        """The command that runs ``words`` on the machine, or a shell there without any."""
        port = ["-p", str(self.port)] if self.port else []
        options = ["-i", self.key, *self.options(), *port]
        # ssh joins words with spaces, and a shell reads them there.
        return ["ssh", *options, f"{USER}@{self.host}", *([shlex.join(words)] if words else [])]

    def variables(self) -> dict[str, Any]:
        """Ansible's variables of the machine."""
        return {
            "ansible_host": self.host,
            **({"ansible_port": self.port} if self.port else {}),
            "ansible_user": USER,
            "ansible_ssh_private_key_file": self.key,
            "ansible_ssh_common_args": shlex.join(self.options()),
        }


@dataclass(frozen=True)
class Room:
    """What those who run the machines can give to more of them."""

    memory_mib: int  # all together
    processors: int  # the most that one of them has


class Backend(Protocol):
    """Something that runs machines. Its methods raise MachineError.

    Each is safe to repeat after it was killed at any point.
    """

    name: str
    kinds: tuple[Kind, ...]  # the first is the default

    def lacks(self, wanted: Sequence[Machine]) -> list[str]:
        """What this host lacks to run these more machines, each with what mends it."""

    def room(self) -> Room | None:
        """What a cluster can give; None where this host runs the machines."""

    def warning(self, machine: Machine) -> str:
        """What a person must know before such a machine is given away; often empty."""

    def prepare(self, machine: Machine) -> None:
        """Make what machines of this kind and release share, unless it is there."""

    def create(self, machine: Machine) -> None:
        """Make the machine and start it; what was left of it before is replaced."""

    def wait(self, machine: Machine, seconds: float) -> None:
        """Wait until its user can log in; after ``seconds`` say what its console said last."""

    def start(self, machine: Machine) -> None:
        """Start a stopped machine."""

    def stop(self, machine: Machine) -> None:
        """Stop a running machine; its disk stays."""

    def reset(self, machine: Machine) -> None:
        """Take it back to what it was when it was made, and start it."""

    def remove(self, machine: Machine) -> None:
        """Remove it; a missing one is no error."""

    def state(self, machine: Machine) -> State:
        """Whether it runs."""

    def connection(self, machine: Machine) -> Connection:
        """How ssh reaches it."""

    def forget(self) -> None:
        """Remove from the backend what machines shared and none uses any more."""


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``done`` returns true, at most ``seconds``; returns whether it did."""
    import time  # noqa: PLC0415

    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True
