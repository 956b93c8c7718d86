"""What is said of a room, the same on the page and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

from rich.padding import Padding
from rich.table import Table

from scratchlab.classroom.results import Classroom, ComparedFacet, MachineState
from scratchlab.render.terminal import VERDICT_STYLES, console, draws_unicode, text

MOST_NAMES = 6  # of machines or paths in one sentence
STATE_WORDS = {
    MachineState.PASSED: "passed",
    MachineState.FAILED: "did not pass",
    MachineState.DISPUTED: "not its own report",
    MachineState.DAMAGED: "damaged report",
    MachineState.NO_REPORT: "no report",
    MachineState.BROKEN: "broke off",
    MachineState.INTERRUPTED: "killed",
    MachineState.UNREACHABLE: "unreachable",
    MachineState.WAITING: "not run",
}


def headline(room: Classroom) -> str:
    """The room in one sentence."""
    count, passed = len(room.machines), room.passed
    if not count:
        return "There is no machine and no report here"
    return f"{passed} of {count} {'machine' if count == 1 else 'machines'} passed every check"


def sentence(facet: ComparedFacet) -> str:
    """Who stands out in one thing: "23 of 24 have sha256:ab...; student07 differs in /sleep"."""
    count = sum(len(group.hosts) for group in facet.groups)
    first, *others = facet.groups
    value = shorten(first.value) or "none"
    # A digest that stands nowhere else says nothing to anybody.
    have = "agree" if value != first.value and ":" not in value else f"have {value}"
    if not others:
        return f"all {count} {have}" if count > 1 else f"one machine: {value}"
    said = [f"{len(first.hosts)} of {count} {have}"]
    for group in others:
        verb = "differs" if len(group.hosts) == 1 else "differ"
        where = f" in {enough(group.paths)}" if group.paths else f": {shorten(group.value)}"
        said.append(f"{enough(group.hosts)} {verb}{where}")
    return "; ".join(said)


def enough(names: Sequence[str]) -> str:
    """Some of the names, and how many more there are."""
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES] if more > 0 else names)
    return f"{shown} and {more} more" if more > 0 else shown


def shorten(value: str) -> str:
    """A digest by its beginning, anything else as it is."""
    algorithm, colon, digits = value.rpartition(":")
    if len(digits) == 64 and digits.isalnum():
        return f"{algorithm}{colon}{digits[:12]}"
    return value


# The room on a terminal: one line a machine, then who needs help, then who stands out.


TICKS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}
WORDS = {"pass": "ok", "fail": "NO", "error": "NO", "skip": "-"}


def render(room: Classroom, out: TextIO) -> None:
    """Write the room to ``out``."""
    screen = console(out)
    screen.print(_table(room, screen.width, TICKS if draws_unicode(out) else WORDS))
    for seat in room.needing_help:
        screen.print(text(f"\n{seat.name}: {STATE_WORDS[seat.state]}: {seat.reason}", "red"))
        screen.print(Padding(text(seat.help), (0, 0, 0, 2)))
    for seat in room.machines:
        for note in seat.notes:
            screen.print(text(f"{seat.name}: {note}", "yellow"))
    for facet in room.facets:
        if not facet.same:
            screen.print(text(f"\n{facet.title}: {sentence(facet)}"))
    for fault in room.faults:
        screen.print(text(f"\n{fault}", "red"))
    style = "bold red" if room.needing_help or room.faults or not room.machines else "bold green"
    screen.print(text(f"\n{headline(room)}", style))


def _table(room: Classroom, width: int, marks: Mapping[str, str]) -> Table:
    """A column for each check, or where they do not fit, the names of those that did not pass."""
    names = max((len(seat.name) for seat in room.machines), default=0)
    states = max((len(STATE_WORDS[seat.state]) for seat in room.machines), default=0)
    fits = names + states + 2 + sum(len(name) + 1 for name in room.checks) <= width
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("machine", overflow="fold", min_width=min(names, width // 3))
    table.add_column("", overflow="fold")
    for heading in room.checks if fits else ("passed", "not passed"):
        table.add_column(heading, overflow="fold", no_wrap=fits)
    for seat in room.machines:
        found = {c.id: c.verdict for c in seat.summary.checks} if seat.summary else {}
        if fits:
            verdicts = [found.get(name, "") for name in room.checks]
            cells = [text(marks.get(one, ""), VERDICT_STYLES.get(one, "")) for one in verdicts]
        else:
            bad = " ".join(name for name, verdict in found.items() if verdict != "pass")
            cells = [text(f"{seat.passed} of {len(found)}" if found else ""), text(bad, "red")]
        style = "green" if seat.state is MachineState.PASSED else "bold red"
        table.add_row(text(seat.name, "bold"), text(STATE_WORDS[seat.state], style), *cells)
    return table
