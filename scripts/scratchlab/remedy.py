"""What mends a fault, as data: sentences and commands apart, each command with its place.

A remedy is written once and read in several places: on the machine itself, on the controller of a
room, in a file for another tool. :func:`shown` and :func:`sentence` are the only places that turn
it into text: a command of ``./lab`` then names the inventory and the machine that it is meant for,
and a command for a machine says so. No other text may name ``./lab``; a test holds that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

# What may follow ./lab in a remedy that a report brings: nothing that could do harm.
_LAB_CALL = re.compile(r"(reset|check)?( ?(--tags [A-Za-z0-9,]+|-e lab_patience=[0-9]{1,4}))*")


class Place(StrEnum):
    """Where a command is typed."""

    MACHINE = "machine"  # a shell on the machine that the remedy is about
    LAB = "lab"  # the directory of the lab, on the machine that set up this one; ./lab comes first
    CONTROLLER = "controller"  # a shell on the machine from which a room is run


@dataclass(frozen=True, slots=True)
class Command:
    """A command; for :attr:`Place.LAB` what follows ``./lab`` (``reset``, ``--tags E13``)."""

    text: str
    place: Place = Place.MACHINE


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: a sentence, and the commands that do it. Of several steps the later ones
    begin with a small letter, because they may follow in one line.
    """

    text: str
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, step by step; false where nothing is known."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def filled(self, fill: Callable[[str], str]) -> Remedy:
        """The remedy with ``fill`` applied to every text and every command."""
        return Remedy(
            tuple(
                Step(
                    fill(step.text),
                    tuple(replace(one, text=fill(one.text)) for one in step.commands),
                )
                for step in self.steps
            )
        )


NOTHING = Remedy()


class Mendable:
    """What has a ``remedy``."""

    __slots__ = ()
    remedy: Remedy

    @property
    def help(self) -> str:
        """The remedy in one line, as it is read on the machine itself."""
        return sentence(self.remedy)


@dataclass(frozen=True, slots=True)
class Reader:
    """Where a remedy is read, seen from the machine that it is about.

    ``host`` is that machine's name in the inventory, empty on the machine itself; several names
    are separated by commas. ``inventories`` are the files by which ``./lab`` reaches it from here;
    without one, ``./lab`` is run on the machine. ``engine`` is the URL of an engine elsewhere that
    this run was given: without it ``./lab`` would work on another machine.
    """

    host: str = ""
    inventories: tuple[str, ...] = ()
    engine: str = ""


HERE = Reader()


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """A command to type, complete; ``where`` is empty for the shell of the reader."""

    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step as it is shown: its sentence, without a colon at the end, and its commands."""

    text: str
    commands: tuple[ShownCommand, ...] = ()


def advise(text: str, *commands: Command) -> Remedy:
    """A remedy of one step; none where ``text`` is empty and there is no command."""
    return Remedy((Step(text, commands),)) if text or commands else Remedy()


def lab(*calls: str) -> tuple[Command, ...]:
    """Commands of ``./lab``, one for each of ``calls``: what follows it."""
    return tuple(Command(call, Place.LAB) for call in calls)


def section(remedy: Remedy) -> list[dict[str, Any]]:
    """The remedy as JSON: its steps, each with its text and its commands."""
    return [
        {
            "text": step.text,
            "commands": [{"place": str(one.place), "command": one.text} for one in step.commands],
        }
        for step in remedy.steps
    ]


def of_section(steps: Iterable[dict[str, Any]]) -> Remedy:
    """The remedy of what :func:`section` made. Raises ValueError or KeyError for anything else."""
    return Remedy(
        tuple(
            Step(
                step["text"],
                tuple(Command(one["command"], Place(one["place"])) for one in step["commands"]),
            )
            for step in steps
        )
    )


def harmless(command: Command) -> bool:
    """Whether a command from a report, which a machine may have forged, may be shown as a command.

    One for the machine itself is typed there and nowhere else; of ``./lab`` only some calls pass,
    and nothing for the controller.
    """
    if command.place is Place.LAB:
        return bool(_LAB_CALL.fullmatch(command.text))
    return command.place is Place.MACHINE


def shown(remedy: Remedy, reader: Reader = HERE) -> tuple[ShownStep, ...]:
    """The remedy for ``reader``: every command complete, and with the place where it is typed."""
    several = len(remedy.steps) > 1
    return tuple(
        ShownStep(
            # What stands alone may be a command that an older program wrote as a sentence.
            step.text[:1].upper() + step.text[1:] if several or step.commands else step.text,
            tuple(_commands(step.commands, reader)),
        )
        for step in remedy.steps
    )


def sentence(remedy: Remedy, reader: Reader = HERE) -> str:
    """The remedy for ``reader`` in one line, for tools that have no more room."""
    return "; ".join(
        _phrase(step.text, tuple(_commands(step.commands, reader))) for step in remedy.steps
    )


def _phrase(text: str, commands: Sequence[ShownCommand]) -> str:
    groups: dict[str, list[str]] = {}
    for command in commands:
        groups.setdefault(command.where, []).append(command.text)
    typed = [": ".join(filter(None, (where, "; ".join(texts)))) for where, texts in groups.items()]
    separator = ", " if text and commands and commands[0].where else ": "
    return separator.join(filter(None, (text, "; ".join(typed))))


def _commands(commands: Iterable[Command], reader: Reader) -> Iterable[ShownCommand]:
    """The commands in order; calls of ``./lab`` one after the other are one line."""
    calls: list[str] = []
    on_machine = f"on {reader.host}".replace(",", ", ") if reader.host else ""
    where_lab = f"{on_machine}, in the lab's directory" if on_machine else ""
    for command in commands:
        if command.place is Place.LAB:
            calls.append(_lab_call(command.text, reader))
            continue
        if calls:
            yield ShownCommand(" && ".join(calls), "" if reader.inventories else where_lab)
            calls = []
        yield ShownCommand(command.text, on_machine if command.place is Place.MACHINE else "")
    if calls:
        yield ShownCommand(" && ".join(calls), "" if reader.inventories else where_lab)


def _lab_call(call: str, reader: Reader) -> str:
    """A call of ``./lab`` that reaches the machine: verb, inventory, machine, options."""
    verb, _, options = call.partition(" ") if call[:1] != "-" else ("", "", call)
    words = ["./lab", verb]
    if reader.inventories:
        words += [f"-i {shlex.quote(file)}" for file in reader.inventories]
        words += [f"-l {shlex.quote(reader.host)}"] if reader.host else []
    words += [f"-e {shlex.quote(f'lab_engine_url={reader.engine}')}"] if reader.engine else []
    return " ".join(filter(None, [*words, options]))
