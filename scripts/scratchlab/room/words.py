"""What is said of a room, the same on the page and on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from scratchlab.room.seat import Facet, Room, State

MOST_NAMES = 6  # of machines or paths in one sentence
STATES = {
    State.PASSED: "passed",
    State.FAILED: "did not pass",
    State.DISPUTED: "not its own report",
    State.DAMAGED: "damaged report",
    State.NO_REPORT: "no report",
    State.BROKEN: "broke off",
    State.INTERRUPTED: "killed",
    State.UNREACHABLE: "unreachable",
    State.WAITING: "not run",
}


def headline(room: Room) -> str:
    """The room in one sentence."""
    count, passed = len(room.seats), room.passed
    if not count:
        return "There is no machine and no report here"
    return f"{passed} of {count} {'machine' if count == 1 else 'machines'} passed every check"


def sentence(facet: Facet) -> str:
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
