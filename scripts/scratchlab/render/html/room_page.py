"""The room as one HTML file that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from markupsafe import Markup

from scratchlab.classroom.records import extended_history
from scratchlab.classroom.results import Classroom, MachineResult
from scratchlab.render.html.page import asset, environment, fingerprint
from scratchlab.render.terminal.classroom import STATE_WORDS, headline, sentence, shorten

SIGNS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}
MOST_RUNS = 8  # of the trend, in a row of the table
STYLES = ("report.css", "room.css")
SCRIPTS = ("look.js", "room.js")


@dataclass(frozen=True, slots=True)
class Place:
    """A machine and the number of its row."""

    name: str
    place: int


@dataclass(frozen=True, slots=True)
class Need:
    """Machines that need the same help."""

    state: str
    reason: str
    help: str
    seats: tuple[Place, ...]


def render(room: Classroom, out: TextIO) -> None:
    """Write the page. What machines say is text on it, never markup."""
    style, script = "".join(map(asset, STYLES)), "".join(map(asset, SCRIPTS))
    counts = Counter(STATE_WORDS[seat.state] for seat in room.machines)
    pieces = (
        environment()
        .get_template("room.html.j2")
        .generate(
            room=room,
            headline=headline(room),
            counts=counts.most_common(),
            facets=sorted(room.facets, key=lambda facet: facet.same),
            helped=tuple(_needs(room)),
            rows=[(seat, extended_history(seat)[-MOST_RUNS:]) for seat in room.machines],
            graded=any(seat.summary and seat.summary.grade for seat in room.machines),
            states=STATE_WORDS,
            sentence=sentence,
            shorten=shorten,
            verdicts=_verdicts,
            signs=SIGNS,
            style=Markup(style),  # noqa: S704 - ours, from the package
            script=Markup(script),  # noqa: S704 - likewise
            hashes={"style": fingerprint(style), "script": fingerprint(script)},
        )
    )
    for piece in pieces:
        out.write(piece)


def _needs(room: Classroom) -> Iterator[Need]:
    """Who needs help, those with the same trouble together."""
    groups: dict[tuple[str, str], list[tuple[Place, MachineResult]]] = {}
    needing = set(room.needing_help)
    for place, seat in enumerate(room.machines, 1):
        if seat in needing:
            key = (STATE_WORDS[seat.state], seat.reason)
            groups.setdefault(key, []).append((Place(seat.name, place), seat))
    for (state, reason), members in groups.items():
        places = tuple(place for place, _ in members)
        yield Need(state, reason, _help([seat for _, seat in members]), places)


def _help(seats: Sequence[MachineResult]) -> str:
    """What mends all of them: one command where theirs differ in the machine's name only."""
    first, *others = seats
    chosen = f"-l {first.name}"
    if all(seat.help == first.help.replace(chosen, f"-l {seat.name}") for seat in others):
        return first.help.replace(chosen, f"-l {','.join(seat.name for seat in seats)}")
    return "\n".join(dict.fromkeys(seat.help for seat in seats))


def _verdicts(seat: MachineResult) -> Mapping[str, str]:
    return {check.id: check.verdict for check in seat.summary.checks} if seat.summary else {}
