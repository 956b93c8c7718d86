"""A class as one HTML file that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from scratchlab.classroom.records import extended_history
from scratchlab.classroom.results import Classroom, MachineResult
from scratchlab.remedy import ShownStep, shown
from scratchlab.render.html.templates import write_template
from scratchlab.render.room_words import STATE_MEANS, STATES, agreement, facet_sentence, headline
from scratchlab.render.words import short_digest

SIGNS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}
MOST_RUNS = 8  # of the trend, in a row of the table
STYLES = ("report.css", "room.css")
SCRIPTS = ("appearance.js", "copy.js", "room.js")


@dataclass(frozen=True, slots=True)
class TableRow:
    """A machine, and the number of its row in the table."""

    name: str
    number: int
    student: str = ""


@dataclass(frozen=True, slots=True)
class SameTrouble:
    """Machines that need the same help."""

    state: str
    reason: str
    remedy: tuple[ShownStep, ...]
    machines: tuple[TableRow, ...]


def render(classroom: Classroom, out: TextIO) -> None:
    """Write the page. Everything from a machine becomes text on it, never markup."""
    machines = classroom.machines
    counts = Counter(STATES[machine.state] for machine in machines)
    write_template(
        "room.html.j2",
        out,
        styles=STYLES,
        scripts=SCRIPTS,
        classroom=classroom,
        headline=headline(classroom),
        counts=counts.most_common(),
        facets=sorted(classroom.facets, key=lambda facet: facet.same),
        troubles=tuple(_troubles(classroom)),
        rows=[(machine, extended_history(machine)[-MOST_RUNS:]) for machine in machines],
        graded=any(machine.grade for machine in machines),
        named=any(machine.student.label for machine in machines),
        agreement=agreement(classroom),
        means={STATES[state]: means for state, means in STATE_MEANS.items()},
        states=STATES,
        sentence=facet_sentence,
        shorten=short_digest,
        verdicts=_verdicts,
        signs=SIGNS,
    )


def _troubles(classroom: Classroom) -> Iterator[SameTrouble]:
    """The machines that need help, those with the same state and reason together."""
    groups: dict[tuple[str, str], list[tuple[TableRow, MachineResult]]] = {}
    needing_help = set(classroom.needing_help)
    for number, machine in enumerate(classroom.machines, 1):
        if machine in needing_help:
            key = (STATES[machine.state], machine.reason)
            row = TableRow(machine.name, number, machine.student.label)
            groups.setdefault(key, []).append((row, machine))
    for (state, reason), members in groups.items():
        rows = tuple(row for row, _ in members)
        yield SameTrouble(state, reason, _remedy([machine for _, machine in members]), rows)


def _remedy(machines: Sequence[MachineResult]) -> tuple[ShownStep, ...]:
    """What helps all of them: one command for all, where the same helps each."""
    first, *others = machines
    if all(other.remedy == first.remedy for other in others):
        names = ",".join(machine.name for machine in machines)
        reader = replace(first.reader, host=names) if others else first.reader
        return shown(first.remedy, reader)
    steps = (step for machine in machines for step in shown(machine.remedy, machine.reader))
    return tuple(dict.fromkeys(steps))


def _verdicts(machine: MachineResult) -> Mapping[str, str]:
    checks = machine.summary.checks if machine.summary else ()
    return {check.id: check.verdict for check in checks}
