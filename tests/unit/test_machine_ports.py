"""Ports for the ssh of virtual machines: chosen, taken meanwhile, and who holds one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from machines import lifecycle, ports
from machines import qemu as vm
from machines.capacity import shortages
from machines.model import Kind, Limits, Machine, MachineError, State
from machines.place import Place
from machines.qemu import Qemu


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place of its own."""
    return Place(tmp_path / "cache", tmp_path / "cache" / "state")


@pytest.fixture
def held() -> Iterator[int]:
    """A port on which this program listens."""
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def machine(place: Place, port: int) -> Machine:
    """A virtual machine that nobody made."""
    name = "fresh1"
    return Machine(name, place.instance(name), "qemu", Kind.VM, "trixie", port=port)


def test_ports_are_free_and_different() -> None:
    found = ports.free_ports(40)
    assert len(set(found)) == 40
    assert not any(map(ports.taken, found))


def test_holder_is_named(held: int) -> None:
    assert ports.taken(held)
    name = Path("/proc/self/comm").read_text().strip()
    assert ports.holder(held) == f"{name} (PID {os.getpid()})"


def test_only_who_listens_holds_a_port(held: int) -> None:
    """The local end of a connection has a port, too."""
    with socket.create_connection((ports.LOOPBACK, held)) as connection:
        own = int(connection.getsockname()[1])
        assert ports.holder(own) == "another program, which only root may see"


def test_port_taken_after_it_was_chosen_is_named_with_its_holder(
    place: Place, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = "qemu-system-x86_64 -name: Could not set up host forwarding rule"

    def run(*_: str, package: str) -> str:
        del package
        raise MachineError(refusal)

    monkeypatch.setattr(vm, "run", run)
    with pytest.raises(MachineError) as raised:
        Qemu(place).power_on(machine(place, held))
    said = str(raised.value)
    assert f"port {held} of 127.0.0.1" in said
    assert f"(PID {os.getpid()})" in said
    assert said.endswith("-- again with another port: ./lab machines up")
    (free,) = ports.free_ports(1)
    with pytest.raises(MachineError, match=refusal):  # another cause is not blamed on the port
        Qemu(place).power_on(machine(place, free))


class Stopped:
    """A backend with a stopped machine."""

    name = "qemu"

    def __init__(self) -> None:
        self.started: list[Machine] = []

    def lacks(self, _: object) -> list[str]:
        return []

    def room(self) -> None:
        return None

    def state(self, _: Machine) -> State:
        return State.STOPPED

    def start(self, machine: Machine) -> None:
        self.started.append(machine)

    def wait(self, machine: Machine, seconds: float) -> None:
        del machine, seconds


def test_stopped_machine_whose_port_is_taken_gets_another(
    place: Place, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Stopped()
    monkeypatch.setattr(lifecycle, "backend", lambda *_: chosen)
    wanted = machine(place, held)
    place.record(wanted)
    place.mark_ready(wanted)
    said: list[str] = []
    lifecycle.up(place, [replace(wanted, port=0)], said.append, 1)
    (moved,) = place.machines()
    assert moved.port not in (0, held)
    assert chosen.started == [moved]
    assert f"its port {held} is taken by" in said[0]
    assert place.ready(moved)


def test_more_processors_than_the_host_has_are_refused(place: Place) -> None:
    many = (os.cpu_count() or 1) + 1
    wanted = replace(machine(place, 0), limits=Limits(cpus=many))
    refused = shortages(place, [wanted])
    assert any(f"a machine with {many} processors" in text for text in refused)
    fits = replace(wanted, limits=Limits(cpus=many - 1))
    assert not any("processors" in text for text in shortages(place, [fits]))
