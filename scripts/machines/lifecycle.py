"""What must be done: every change of machines, one process at a time in a place.

A machine is recorded, made, waited for, and marked ready, in this order. A run that is killed in
between leaves a record without the mark, and the next one makes that machine anew or removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from machines import ports
from machines.backends import backend
from machines.capacity import shortages
from machines.model import Backend, Machine, MachineError, State
from machines.place import Place

Say = Callable[[str], None]
AT_ONCE = 4  # machines that boot side by side


@dataclass(frozen=True)
class Plan:
    """What ``up`` has to do, by names of machines."""

    make: tuple[Machine, ...] = ()
    start: tuple[Machine, ...] = ()
    leave: tuple[Machine, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything has to be done."""
        return bool(self.make or self.start)


def plan(place: Place, wanted: Sequence[Machine]) -> Plan:
    """Compare what is wanted with what is there. Raises MachineError.

    A machine of another kind, release or size under the same name is never replaced.
    """
    there = {machine.name: machine for machine in place.machines()}
    make, start, leave = [], [], []
    for machine in wanted:
        old = there.get(machine.name)
        if old is None or not place.ready(old):
            if old is not None and old.on != machine.on:
                raise another(old)
            make.append(machine)
            continue
        if old.specification() != machine.specification():
            raise another(old)
        match backend(old.on, place).state(old):
            case State.RUNNING:
                leave.append(old)
            case State.STOPPED:
                start.append(old)
            case State.MISSING:
                make.append(machine)
    return Plan(tuple(make), tuple(start), tuple(leave))


def another(machine: Machine) -> MachineError:
    """The refusal to replace a machine."""
    return MachineError(
        f"{machine.name} is there already, and another one: {describe(machine)}",
        f"./lab machines down {machine.name}",
    )


def describe(machine: Machine) -> str:
    """A machine in a few words."""
    limits = machine.limits
    sizes = [
        f"{limits.memory_mib} MiB of memory" if limits.memory_mib else "",
        f"{limits.cpus} processors" if limits.cpus else "",
        f"{limits.disk_gib} GiB of disk" if limits.disk_gib else "",
        "privileged" if machine.privileged else "",
    ]
    kind = f"{machine.kind} with {machine.release} on {machine.on}"
    return ", ".join([kind, *filter(None, sizes)])


def up(place: Place, wanted: Sequence[Machine], say: Say, seconds: float) -> Plan:
    """Bring the machines up, and wait for each; returns what was done.

    ``seconds`` are allowed for each one's boot. Raises MachineError: before anything is made, with
    all that this host lacks; later, with the first machine that did not come up.
    """
    with place.locked(f"machines-{place.digest}"):
        todo = plan(place, wanted)
        if not todo.changes:
            return todo
        backends = {name: backend(name, place) for name in {machine.on for machine in wanted}}
        refuse_lacking(place, backends, todo)
        for text in {backends[one.on].warning(one) for one in todo.make}:
            if text:
                say(text)
        ready = _with_ports(todo.make)
        started = [_reachable(machine, place, say) for machine in todo.start]
        for _, machine in sorted({(one.release, one.kind): one for one in ready}.items()):
            backends[machine.on].prepare(machine)
        for machine in ready:
            place.record(machine)

        def bring(machine: Machine) -> None:
            """Make or start one machine."""
            chosen = backends[machine.on]
            if machine in started:
                chosen.start(machine)
            else:
                chosen.create(machine)
            chosen.wait(machine, seconds)
            place.mark_ready(machine)
            say(f"{machine.name}: {describe(machine)}")

        side_by_side(bring, [*ready, *started])
        return todo


def refuse_lacking(place: Place, backends: dict[str, Backend], todo: Plan) -> None:
    """Raise MachineError with everything that this host lacks for the plan."""
    lacking: list[str] = []
    for name, chosen in backends.items():
        mine = [machine for machine in todo.make if machine.on == name]
        lacking += chosen.lacks(mine)
        if mine:
            lacking += shortages(place, mine, chosen.room())
    if lacking:
        raise MachineError("; ".join(lacking))


def stop(place: Place, machines: Iterable[Machine], say: Say) -> None:
    """Stop machines; their disks stay. Raises MachineError."""

    def halt(machine: Machine) -> None:
        """Stop one machine."""
        backend(machine.on, place).stop(machine)
        say(f"{machine.name}: stopped")

    with place.locked(f"machines-{place.digest}"):
        side_by_side(halt, machines)


def reset(place: Place, machines: Iterable[Machine], say: Say, seconds: float) -> None:
    """Take machines back to what they were when they were made. Raises MachineError."""

    def renew(machine: Machine) -> None:
        """Reset one machine."""
        chosen = backend(machine.on, place)
        (place.directory(machine.name) / "ready").unlink(missing_ok=True)
        chosen.reset(machine)
        chosen.wait(machine, seconds)
        place.mark_ready(machine)
        say(f"{machine.name}: as it was made")

    with place.locked(f"machines-{place.digest}"):
        side_by_side(renew, machines)


def down(place: Place, machines: Iterable[Machine], say: Say) -> None:
    """Remove machines and, with the last one, what they shared at their backend.

    Base systems stay in the cache. Raises MachineError.
    """

    def remove(machine: Machine) -> None:
        """Remove one machine."""
        (place.directory(machine.name) / "ready").unlink(missing_ok=True)
        backend(machine.on, place).remove(machine)
        place.forget(machine)
        say(f"{machine.name}: removed")

    chosen = list(machines)
    with place.locked(f"machines-{place.digest}"):
        side_by_side(remove, chosen)
        left = {machine.on for machine in place.machines()}
        for name in {machine.on for machine in chosen} - left:
            backend(name, place).forget()
        if not left and place.state.is_dir() and not any(place.state.iterdir()):
            place.state.rmdir()


def side_by_side(work: Callable[[Machine], Any], machines: Iterable[Machine]) -> None:
    """Do the same with several machines at once. Raises the first MachineError, when all ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(work, machine) for machine in machines]:
            done.result()


def hosts(place: Place) -> dict[str, dict[str, Any]]:
    """Ansible's variables of every machine that was made to the end, by name."""
    return {
        machine.name: backend(machine.on, place).connection(machine).variables()
        for machine in place.machines()
        if place.ready(machine)
    }


def _with_ports(machines: Sequence[Machine]) -> list[Machine]:
    """The machines, each with a free port of its own where ssh reaches its kind by one."""
    free = iter(ports.free_ports(len(machines)))
    return [replace(one, port=next(free)) if one.on == "qemu" else one for one in machines]


def _reachable(machine: Machine, place: Place, say: Say) -> Machine:
    """The stopped machine, recorded with another port where its own is taken by now."""
    if not machine.port or not ports.taken(machine.port):
        return machine
    (port,) = ports.free_ports(1)
    who = ports.holder(machine.port)
    say(f"{machine.name}: its port {machine.port} is taken by {who}; it gets {port}")
    moved = replace(machine, port=port)
    place.note(moved)
    return moved
