"""``./lab machines``: fresh machines from Debian's packages, and an inventory of them."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machines import inventory, lifecycle
from machines.arguments import Parser, positive
from machines.backends import BACKENDS, backend, choose
from machines.debian import RELEASES
from machines.model import Connection, Kind, Limits, Machine, MachineError
from machines.place import Place
from machines.qemu import BOOT_SECONDS

INVENTORY = Path(__file__).resolve().parents[2] / "inventory" / "machines.yml"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")  # a host name that every backend takes
MOST = 99


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(
        prog="./lab machines",
        description="Fresh machines, made from Debian's packages alone, and an inventory of them: "
        "./lab -i inventory/machines.yml works on them.",
    )
    made.add_argument("--inventory", type=Path, default=INVENTORY, metavar="FILE",
        help="the inventory to write; - for none (default: inventory/machines.yml)")  # fmt: skip
    made.add_argument("--cache", type=Path, default=Place().cache, metavar="DIRECTORY",
        help="where base systems are kept (default: .cache/machines)")  # fmt: skip
    made.add_argument("--state", type=Path, metavar="DIRECTORY",
        help="where machines are recorded (default: CACHE/state)")  # fmt: skip
    verbs = made.add_subparsers(dest="verb", required=True, metavar="VERB")
    making = verbs.add_parser("up", help="make machines fresh1 to freshN, or start them")
    making.add_argument("count", type=int, nargs="?", help="how many (1 if there is no --name)")
    making.add_argument("--name", action="append", default=[], metavar="NAME[:RELEASE]",
        help="this name instead; may be given again")  # fmt: skip
    making.add_argument("--on", choices=sorted(BACKENDS), default="",
        help="who runs them (default: docker for containers, qemu for the rest)")  # fmt: skip
    making.add_argument("--kind", choices=[kind.value for kind in Kind], default="",
        help="vm (a kernel of their own), or container (the host's kernel)")  # fmt: skip
    making.add_argument("--release", choices=sorted(RELEASES), default="trixie")
    making.add_argument("--memory", type=positive, metavar="MIB", help="of each machine")
    making.add_argument("--cpus", type=positive, metavar="N", help="of each machine")
    making.add_argument("--disk", type=positive, metavar="GIB", help="of each machine")
    making.add_argument("--privileged", action="store_true",
        help="on incus: their root is the server's root; for nobody but you")  # fmt: skip
    making.add_argument("--dry-run", action="store_true", help="say what would be done")
    waiting(making)
    listing = verbs.add_parser("list", help="show them")
    listing.add_argument("--json", action="store_true", help="with how to reach each")
    entering = verbs.add_parser("ssh", help="a shell on one, or a command")
    entering.add_argument("name")
    entering.add_argument("command", nargs=argparse.REMAINDER)
    for verb, text in (
        ("stop", "stop them; up starts them again"),
        ("reset", "take them back to what they were when they were made"),
        ("down", "remove them"),
    ):
        changing = verbs.add_parser(verb, help=text)
        changing.add_argument("names", nargs="*", metavar="NAME", help="only these")
        if verb == "reset":
            waiting(changing)
    return made


def waiting(command: argparse.ArgumentParser) -> None:
    """The option of commands that boot machines."""
    command.add_argument("--seconds", type=positive, default=BOOT_SECONDS, metavar="SECONDS",
        help=f"how long a machine may take to boot (default: {BOOT_SECONDS})")  # fmt: skip


def wanted(options: argparse.Namespace, place: Place) -> list[Machine]:
    """The machines that a person asks for. Raises MachineError."""
    given = dict(text.partition(":")[::2] for text in options.name)
    names = list(given)
    if options.count is not None:
        if names:
            raise MachineError("a number and --name exclude each other", "leave one out")
        if not 1 <= options.count <= MOST:
            raise MachineError(f"{options.count} machines", f"a number from 1 to {MOST}")
        names = [f"fresh{number}" for number in range(1, options.count + 1)]
    for name in names:
        if given.get(name) and given[name] not in RELEASES:
            releases = ", ".join(sorted(RELEASES))
            raise MachineError(f"{name}: no release is called {given[name]}", releases)
        if not NAME.fullmatch(name):
            raise MachineError(
                f"{name!r} is no name for a machine",
                "small letters, digits and dashes, at most 32, with a letter first",
            )
    chosen, kind = choose(options.on, options.kind, place)
    if options.privileged and chosen.name != "incus":
        raise MachineError(f"{chosen.name} has no machines of that kind", "leave --privileged out")
    limits = Limits(options.memory, options.cpus, options.disk)
    return [
        Machine(
            name,
            place.instance(name),
            chosen.name,
            kind,
            given.get(name) or options.release,
            limits,
            options.privileged,
        )
        for name in names or ["fresh1"]
    ]


def selected(place: Place, names: Sequence[str]) -> list[Machine]:
    """The recorded machines with these names, or all. Raises MachineError."""
    there = {machine.name: machine for machine in place.machines()}
    for name in names:
        if name not in there:
            known = f"there: {', '.join(there)}" if there else "there is none"
            raise MachineError(f"no machine is called {name}", known)
    return [there[name] for name in names] if names else list(there.values())


def show(place: Place, as_json: bool) -> None:
    """Print the machines."""
    rows = []
    for machine in place.machines():
        chosen = backend(machine.on, place)
        state = str(chosen.state(machine)) if place.ready(machine) else "unfinished"
        rows.append((machine, state, chosen.connection(machine)))
    if as_json:
        answer = [
            {**asdict(machine), "state": state, "ssh": connection.command(),
             "variables": connection.variables(), "connection": asdict(connection),
             "known_hosts": known(connection)}
            for machine, state, connection in rows
        ]  # fmt: skip
        print(json.dumps(answer, indent=1))
        return
    if not rows:
        print("no machines; make some: ./lab machines up 2")
    for machine, state, _ in rows:
        print(f"{machine.name:12} {state:10} {lifecycle.describe(machine)}")


def known(connection: Connection) -> str:
    """The line by which ssh knows the machine; empty before it was made."""
    try:
        return Path(connection.known_hosts).read_text()
    except FileNotFoundError:
        return ""


def act(options: argparse.Namespace, place: Place) -> None:
    """Do what the command line says. Raises MachineError."""
    if options.verb == "list":
        show(place, options.json)
        return
    if options.verb == "ssh":
        enter(place, options.name, options.command)
    file = None if str(options.inventory) == "-" else options.inventory.absolute()
    if file is not None:
        inventory.refuse_foreign(file)
    try:
        change(options, place)
    finally:
        if file is not None and not getattr(options, "dry_run", False):
            inventory.update(file, lifecycle.hosts(place))


def change(options: argparse.Namespace, place: Place) -> None:
    """Change machines. Raises MachineError."""
    if options.verb == "up":
        machines = wanted(options, place)
        if options.dry_run:
            todo = lifecycle.plan(place, machines)
        else:
            todo = lifecycle.up(place, machines, say, options.seconds)
        for word, some in (("made", todo.make), ("started", todo.start), ("there", todo.leave)):
            if some:
                print(f"{word}: {', '.join(machine.name for machine in some)}")
        return
    machines = selected(place, options.names)
    match options.verb:
        case "stop":
            lifecycle.stop(place, machines, say)
        case "reset":
            lifecycle.reset(place, machines, say, options.seconds)
        case "down":
            lifecycle.down(place, machines, say)


def enter(place: Place, name: str, command: Sequence[str]) -> None:
    """Become ssh. Raises MachineError.

    One word is a line for the machine's shell, as with ssh; several stay the words that they are.
    """
    (machine,) = selected(place, [name])
    words = list(command[1:] if command[:1] == ["--"] else command)
    connection = backend(machine.on, place).connection(machine)
    line = [*connection.command(), *words] if len(words) == 1 else connection.command(*words)
    os.execvp("ssh", line)  # noqa: S606


def say(text: str) -> None:
    """Tell the person something on the way."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(arguments)
    cache = options.cache.absolute()
    place = Place(cache, options.state.absolute() if options.state else cache / "state")
    try:
        act(options, place)
    except MachineError as error:
        say(str(error))
        return 2
    except OSError as error:
        say(f"{error.filename or 'machines'}: {error.strerror or error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted; the next ./lab machines up or down goes on from here")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
