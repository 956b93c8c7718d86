"""A class on a terminal: one line a machine, then which machines need help, then which differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from rich.padding import Padding
from rich.table import Table

from scratchlab.classroom.results import Classroom, MachineState
from scratchlab.render.room_words import STATES, facet_sentence, headline
from scratchlab.render.terminal import VERDICT_STYLES, console, draws_unicode, remedy_text, text

_TICKS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}
_ASCII_TICKS = {"pass": "ok", "fail": "NO", "error": "NO", "skip": "-"}


def render(classroom: Classroom, out: TextIO) -> None:
    """Write the class to ``out``."""
    screen = console(out)
    ticks = _TICKS if draws_unicode(out) else _ASCII_TICKS
    screen.print(_table(classroom, screen.width, ticks))
    for machine in classroom.needing_help:
        state = STATES[machine.state]
        screen.print(text(f"\n{machine.name}: {state}: {machine.reason}", "red"))
        remedy = remedy_text(machine.remedy, machine.reader)
        screen.print(Padding(remedy, (0, 0, 0, 2)))
    for machine in classroom.machines:
        for note in machine.notes:
            passed = "passed with a note: " if machine.state is MachineState.PASSED else ""
            screen.print(text(f"{machine.name}: {passed}{note}", "yellow"))
    for facet in classroom.facets:
        if not facet.same:
            screen.print(text(f"\n{facet.title}: {facet_sentence(facet)}"))
    for fault in classroom.faults:
        screen.print(text(f"\n{fault}", "red"))
    bad = classroom.needing_help or classroom.faults or not classroom.machines
    screen.print(text(f"\n{headline(classroom)}", "bold red" if bad else "bold green"))


def _table(classroom: Classroom, width: int, ticks: Mapping[str, str]) -> Table:
    """A table with a column for each check; where these do not fit into ``width``, with the ids
    of the checks that did not pass.
    """
    names = max((len(machine.name) for machine in classroom.machines), default=0)
    states = max((len(STATES[machine.state]) for machine in classroom.machines), default=0)
    fits = names + states + 2 + sum(len(check) + 1 for check in classroom.checks) <= width
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("machine", overflow="fold", min_width=min(names, width // 3))
    table.add_column("", overflow="fold")
    for heading in classroom.checks if fits else ("passed", "not passed"):
        table.add_column(heading, overflow="fold", no_wrap=fits)
    for machine in classroom.machines:
        checks = machine.summary.checks if machine.summary else ()
        verdicts = {check.id: check.verdict for check in checks}
        if fits:
            row = [verdicts.get(check, "") for check in classroom.checks]
            cells = [text(ticks.get(cell, ""), VERDICT_STYLES.get(cell, "")) for cell in row]
        else:
            bad = " ".join(check for check, verdict in verdicts.items() if verdict != "pass")
            count = f"{machine.passed} of {len(verdicts)}" if verdicts else ""
            cells = [text(count), text(bad, "red")]
        style = "green" if machine.state is MachineState.PASSED else "bold red"
        table.add_row(text(machine.name, "bold"), text(STATES[machine.state], style), *cells)
    return table
