"""Texts that the forms of a class share: the states of machines in words, sentences about all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scratchlab.classroom.results import Classroom, ComparedFacet, MachineState
from scratchlab.render.words import MOST_NAMES, short_digest

# One word for each state, in every form: on the page, the terminal, in CSV, TAP and JUnit.
STATES: Mapping[MachineState, str] = {state: state.replace("-", " ") for state in MachineState}
STATE_MEANS: Mapping[MachineState, str] = {
    MachineState.PASSED: "every check of its own report passed, or cannot be asked there",
    MachineState.FAILED: "its report came, and something in it is not as it should be",
    MachineState.DISPUTED: "its report may be another machine's",
    MachineState.DAMAGED: "its report came, and cannot be read or was changed here",
    MachineState.NO_REPORT: "the run ended, and no report came",
    MachineState.BROKEN: "a task of the run failed on it",
    MachineState.INTERRUPTED: "the run was killed before it ended",
    MachineState.UNREACHABLE: "no connection to it",
    MachineState.WAITING: "no run since the room was set up or reset",
}


def headline(classroom: Classroom) -> str:
    """The class in one sentence."""
    count, passed = len(classroom.machines), classroom.passed
    if not count:
        return "There is no machine and no report here"
    return f"{passed} of {count} {'machine' if count == 1 else 'machines'} passed every check"


def agreement(classroom: Classroom) -> str:
    """In how much the machines agree, in one sentence; empty where nothing was compared."""
    count, same = len(classroom.facets), sum(facet.same for facet in classroom.facets)
    reports = sum(machine.summary is not None for machine in classroom.machines)
    if not count or reports < 2:
        return ""
    if same == count:
        return f"all {count} things that were compared are the same on every machine"
    return (
        f"{same} of {count} things that were compared are the same on every machine,"
        f" {count - same} {'differs' if count - same == 1 else 'differ'}"
    )


def facet_sentence(facet: ComparedFacet) -> str:
    """Which machines differ: "23 of 24 have sha256:ab...; student07 differs in /sleep"."""
    count = sum(len(group.hosts) for group in facet.groups)
    first, *others = facet.groups
    value = short_digest(first.value) or "none"
    # A digest that appears nowhere else would not help the reader.
    have = "agree" if value != first.value and ":" not in value else f"have {value}"
    if not others:
        return f"all {count} {have}" if count > 1 else f"one machine: {value}"
    phrases = [f"{len(first.hosts)} of {count} {have}"]
    for group in others:
        verb = "differs" if len(group.hosts) == 1 else "differ"
        where = f" in {_some(group.paths)}" if group.paths else f": {short_digest(group.value)}"
        phrases.append(f"{_some(group.hosts)} {verb}{where}")
    return "; ".join(phrases)


def _some(names: Sequence[str]) -> str:
    """Some of the names, and how many more there are."""
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES] if more > 0 else names)
    return f"{shown} and {more} more" if more > 0 else shown
