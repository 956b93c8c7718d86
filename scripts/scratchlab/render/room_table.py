"""The room on a terminal: one line a machine, then who needs help, then who stands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from rich.padding import Padding
from rich.table import Table

from scratchlab.render.terminal import VERDICT_STYLES, console, draws_unicode, text
from scratchlab.room.seat import Room, State
from scratchlab.room.words import STATES, headline, sentence

TICKS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}
WORDS = {"pass": "ok", "fail": "NO", "error": "NO", "skip": "-"}


def render(room: Room, out: TextIO) -> None:
    """Write the room to ``out``."""
    screen = console(out)
    screen.print(_table(room, screen.width, TICKS if draws_unicode(out) else WORDS))
    for seat in room.needing_help:
        screen.print(text(f"\n{seat.name}: {STATES[seat.state]}: {seat.reason}", "red"))
        screen.print(Padding(text(seat.help), (0, 0, 0, 2)))
    for seat in room.seats:
        for note in seat.notes:
            screen.print(text(f"{seat.name}: {note}", "yellow"))
    for facet in room.facets:
        if not facet.same:
            screen.print(text(f"\n{facet.title}: {sentence(facet)}"))
    for fault in room.faults:
        screen.print(text(f"\n{fault}", "red"))
    style = "bold red" if room.needing_help or room.faults or not room.seats else "bold green"
    screen.print(text(f"\n{headline(room)}", style))


def _table(room: Room, width: int, marks: Mapping[str, str]) -> Table:
    """A column for each check, or where they do not fit, the names of those that did not pass."""
    names = max((len(seat.name) for seat in room.seats), default=0)
    states = max((len(STATES[seat.state]) for seat in room.seats), default=0)
    fits = names + states + 2 + sum(len(name) + 1 for name in room.checks) <= width
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("machine", overflow="fold", min_width=min(names, width // 3))
    table.add_column("", overflow="fold")
    for heading in room.checks if fits else ("passed", "not passed"):
        table.add_column(heading, overflow="fold", no_wrap=fits)
    for seat in room.seats:
        found = {c.id: c.verdict for c in seat.summary.checks} if seat.summary else {}
        if fits:
            verdicts = [found.get(name, "") for name in room.checks]
            cells = [text(marks.get(one, ""), VERDICT_STYLES.get(one, "")) for one in verdicts]
        else:
            bad = " ".join(name for name, verdict in found.items() if verdict != "pass")
            cells = [text(f"{seat.passed} of {len(found)}" if found else ""), text(bad, "red")]
        style = "green" if seat.state is State.PASSED else "bold red"
        table.add_row(text(seat.name, "bold"), text(STATES[seat.state], style), *cells)
    return table
