"""Texts that several forms share: origins and machine states in words, shortened ids, sentences
about a class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scratchlab.classroom.results import Classroom, ComparedFacet, MachineState
from scratchlab.model import Origin

MOST_NAMES = 6  # of machines or paths in one sentence
_ID = re.compile(r"([0-9a-f]{12})[0-9a-f]{52}")


def short_ids(text: str) -> str:
    """``text`` with ids of 64 digits cut to the twelve that engines show."""
    return _ID.sub(r"\1...", text)


@dataclass(frozen=True, slots=True)
class OriginWords:
    """``who`` is the actor, ``code`` two letters for places that show colour only, ``means`` one
    sentence. An origin has one name everywhere: that of a report, ``engine-init-layer``.
    """

    who: str
    code: str
    means: str


# In the order of the story: what the image brings, then what each actor adds.
ORIGINS: Mapping[Origin, OriginWords] = {
    Origin.IMAGE_LAYER: OriginWords(
        "the image", "IM", "A layer of the image brought it, as it was built."
    ),
    Origin.STORAGE_DRIVER: OriginWords(
        "the engine", "ST", "The storage driver made it: every root needs it."
    ),
    Origin.ENGINE_INIT_LAYER: OriginWords(
        "the engine", "IN",
        "The engine keeps a thin layer of its own between the image and the container.",
    ),
    Origin.ENGINE_CREATE: OriginWords(
        "the engine", "CR", "The engine made it when the container was created."
    ),
    Origin.ENGINE_MOUNT: OriginWords(
        "the engine", "EM", "The engine mounts something of its own there."
    ),
    Origin.RUNTIME_FILESYSTEM: OriginWords(
        "the runtime", "FS",
        "The runtime mounts a filesystem there, as its configuration lists it.",
    ),
    Origin.RUNTIME_DEVICE: OriginWords(
        "the runtime", "DV", "The runtime populates /dev: nodes, links, console."
    ),
    Origin.RUNTIME_MOUNTPOINT: OriginWords(
        "the runtime", "MP", "The runtime made it as the target of a mount."
    ),
    Origin.RUNTIME_MASK: OriginWords(
        "the runtime", "MK", "The runtime hides it or makes it read-only."
    ),
    Origin.KERNEL: OriginWords(
        "the kernel", "KN", "The kernel makes it, inside a filesystem that was mounted."
    ),
    Origin.USER_MOUNT: OriginWords(
        "you", "US", "A volume, bind or tmpfs that the user or the image asked for."
    ),
    Origin.USER_DATA: OriginWords(
        "your mounts", "UD",
        "It lies on a mount of yours. Who wrote it, and when, is not known from here.",
    ),
    Origin.VOLUME_COPY: OriginWords(
        "a copy of the image", "VC",
        "It is as in the image: engine or runtime copied it from there to an empty mount.",
    ),
    Origin.HOST_MOUNT: OriginWords(
        "the host", "HM",
        "A mount of the host that came later, through a mount that passes them on.",
    ),
    Origin.MOUNTED_INSIDE: OriginWords(
        "a later mount", "MI",
        "It was mounted inside the running container: by a process, a hook or a tool.",
    ),
    Origin.HOOK_OR_TOOL: OriginWords(
        "a hook or tool", "HK",
        "A hook or a tool put it there: its configuration names it.",
    ),
    Origin.WRITTEN_LATER: OriginWords(
        "a later write", "WL",
        "It was written since the start: by a process of the container, docker cp or a tool.",
    ),
    Origin.UNEXPLAINED: OriginWords(
        "no known maker", "??", "No evidence explains it."
    ),
}  # fmt: skip


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


def short_digest(value: str) -> str:
    """The beginning of a SHA-256 digest; any other value as it is."""
    algorithm, colon, digits = value.rpartition(":")
    if len(digits) == 64 and digits.isalnum():
        return f"{algorithm}{colon}{digits[:12]}"
    return value


def _some(names: Sequence[str]) -> str:
    """Some of the names, and how many more there are."""
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES] if more > 0 else names)
    return f"{shown} and {more} more" if more > 0 else shown
