"""The room on a terminal: one line a machine, then who needs help, then who stands out."""

from __future__ import annotations

from typing import TextIO

from rich.table import Table

from scratchlab.render.terminal import VERDICT_STYLES, console, text
from scratchlab.room.seat import Room, State
from scratchlab.room.words import STATES, headline, sentence


def render(room: Room, out: TextIO) -> None:
    """Write the room to ``out``."""
    screen = console(out)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("machine", "", *room.checks):
        table.add_column(heading)
    for seat in room.seats:
        found = {c.id: c.verdict for c in seat.summary.checks} if seat.summary else {}
        cells = [
            text(found.get(i, ""), VERDICT_STYLES.get(found.get(i, ""), "")) for i in room.checks
        ]
        style = "green" if seat.state is State.PASSED else "bold red"
        table.add_row(text(seat.name, "bold"), text(STATES[seat.state], style), *cells)
    screen.print(table)
    for seat in room.needing_help:
        screen.print(text(f"\n{seat.name}: {STATES[seat.state]}: {seat.reason}", "red"))
        screen.print(text(seat.help))
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
