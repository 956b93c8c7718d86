"""The room on a terminal: one line a machine, then who needs help, then who stands out."""

from __future__ import annotations

from typing import TextIO

from rich.table import Table

from scratchlab.render.terminal import VERDICT_STYLES, console, draws_unicode, text
from scratchlab.room.seat import Room, State
from scratchlab.room.words import STATES, headline, sentence

TICKS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}
WORDS = {"pass": "ok", "fail": "NO", "error": "NO", "skip": "-"}


def render(room: Room, out: TextIO) -> None:
    """Write the room to ``out``."""
    screen = console(out)
    marks = TICKS if draws_unicode(out) else WORDS
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for heading in ("machine", "", *room.checks):
        table.add_column(heading, no_wrap=True)
    for seat in room.seats:
        found = {c.id: c.verdict for c in seat.summary.checks} if seat.summary else {}
        verdicts = [found.get(name, "") for name in room.checks]
        cells = [text(marks.get(one, ""), VERDICT_STYLES.get(one, "")) for one in verdicts]
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
