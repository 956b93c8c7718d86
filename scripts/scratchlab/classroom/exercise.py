"""Exercises: something was changed in a container; find it, and name its origin. Pure.

The seed, a machine's name, decides what is changed and where. Machines of one room are named with
a number at the end: it goes through all kinds of a level in turn, so that neighbours look for
different things and every kind is drawn.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.report import Report
from scratchlab.report.quiz_sections import ExerciseSection

POINTS_PER_PART = 2  # for the path, and as many for its origin
LEVELS = ("easy", "medium", "hard")
PROGRAM = "/sleep"  # of the lab's image
_DIRECTORIES = ("/srv", "/opt", "/usr/lib", "/var/lib", "/home", "/mnt")
_NAMES = ("notes", "backup", "settings", "cache", "helper", "update", "index", "session")
_NUMBERED = re.compile(r"(.*?)([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """A kind of change: its level, the origin that the path then has, and a hint.

    ``at`` is the path; ``DIR`` stands for a directory and a name that are drawn, ``DEV`` for a name
    below /dev.
    """

    level: str
    origin: Origin
    at: str
    hint: str


# What the matrix seeds as faults and what it asks the engine for (docs/injections.md), as far as
# the engine's API alone can do it to an image without a shell.
KINDS: Mapping[str, ChangeKind] = {
    "write": ChangeKind(
        "easy",
        Origin.WRITTEN_LATER,
        "DIR",
        "One file lies where the image has no directory at all.",
    ),
    "bind": ChangeKind(
        "easy", Origin.USER_MOUNT, "DIR", "Compare the mounts: one has a source on this machine."
    ),
    "tmpfs": ChangeKind(
        "easy", Origin.USER_MOUNT, "DIR", "Compare the mounts: one is empty and lies in memory."
    ),
    "volume": ChangeKind(
        "easy", Origin.USER_MOUNT, "DIR", "docker inspect lists what outlives a container."
    ),
    "device": ChangeKind(
        "easy", Origin.RUNTIME_DEVICE, "DEV", "The runtime makes a few nodes in /dev; count them."
    ),
    "layer": ChangeKind(
        "easy", Origin.IMAGE_LAYER, "DIR", "Is it the same image? Count its layers."
    ),
    "link": ChangeKind(
        "medium", Origin.WRITTEN_LATER, "DIR", "docker diff lists it; it is not a regular file."
    ),
    "fifo": ChangeKind(
        "medium",
        Origin.WRITTEN_LATER,
        "DIR",
        "docker diff lists it; nobody can read it to the end.",
    ),
    "mode": ChangeKind(
        "medium", Origin.WRITTEN_LATER, PROGRAM, "Nothing was added. Look at the modes."
    ),
    "owner": ChangeKind(
        "medium", Origin.WRITTEN_LATER, PROGRAM, "Nothing was added. Look at the owners."
    ),
    "over-engine-file": ChangeKind(
        "medium",
        Origin.USER_MOUNT,
        "/etc/hostname",
        "Three files are mounted into /etc; from where?",
    ),
    "deep-device": ChangeKind(
        "medium", Origin.RUNTIME_DEVICE, "/dev/DEV", "/dev has two more levels than you think."
    ),
    "layer-mode": ChangeKind(
        "hard", Origin.IMAGE_LAYER, PROGRAM, "Nothing was written since the start. And before?"
    ),
    "content": ChangeKind(
        "hard",
        Origin.WRITTEN_LATER,
        PROGRAM,
        "Size and time are as in the image. The bytes are not.",
    ),
    "time": ChangeKind(
        "hard", Origin.WRITTEN_LATER, PROGRAM, "The bytes are as in the image. When are they from?"
    ),
    "engine-file-forged": ChangeKind(
        "hard",
        Origin.WRITTEN_LATER,
        "/.dockerenv",
        "The engine makes one file that is always empty.",
    ),
}


@dataclass(frozen=True, slots=True)
class Exercise:
    """What is changed: ``path``, by the method ``kind``, a key of :data:`KINDS`."""

    seed: str
    kind: str
    path: str

    @property
    def level(self) -> str:
        """How difficult it is: one of :data:`LEVELS`."""
        return KINDS[self.kind].level

    @property
    def origin(self) -> Origin:
        """The origin that a verification should show."""
        return KINDS[self.kind].origin


def place_in_room(seed: str) -> tuple[str, int]:
    """The room and the place of a machine by its name: ``desk07`` is ("desk", 7).

    A name without a number is a room of its own, with a place by its digest.
    """
    match = _NUMBERED.fullmatch(seed)
    if match:
        return match[1], int(match[2])
    return seed, int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])


def draw_exercise(seed: str, level: str = LEVELS[0]) -> Exercise:
    """The exercise of a seed at a level, always the same one. Raises KeyError for no level."""
    room, place = place_in_room(seed)
    kinds = [name for name, kind in KINDS.items() if kind.level == level]
    kinds.sort(key=lambda name: _number(f"{room}\0{level}\0{name}"))
    kind = kinds[place % len(kinds)]
    # The place itself, not a digest, so that two machines with one kind have different paths.
    turn = place // len(kinds) + _number(f"{room}\0{level}\0{kind}") % 997
    name = f"{_NAMES[turn % len(_NAMES)]}{_number(seed) % 90 + 10}"
    directory = _DIRECTORIES[turn // len(_NAMES) % len(_DIRECTORIES)]
    path = KINDS[kind].at
    path = path.replace("DIR", f"{directory}/{name}").replace("/dev/DEV", f"/dev/{name}/node")
    return Exercise(seed, kind, path.replace("DEV", f"/dev/{name}"))


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


@dataclass(frozen=True, slots=True)
class ExerciseOutcome:
    """A student's answers (path and origin, at most two count) against what the machine shows."""

    exercise: Exercise
    tries: tuple[tuple[str, str], ...]
    truth: str  # the origin that the machine shows
    hints: int = 0

    def points_of(self, at: int) -> int:
        """Half for the path (a quarter for a directory above it), half for the origin; a second
        answer counts half, a hint costs a point.
        """
        path, origin = self.tries[at]
        if path == self.exercise.path:
            points = POINTS_PER_PART + (POINTS_PER_PART if origin == self.truth else 0)
        else:
            above = path != "/" and self.exercise.path.startswith(f"{path}/")
            points = POINTS_PER_PART // 2 if above else 0
        return max((points >> at) - self.hints, 0)

    @property
    def best(self) -> int:
        """Which of the answers has the most points: the first of them."""
        return max(range(len(self.tries)), key=self.points_of, default=0)

    @property
    def points(self) -> int:
        """The points of the best answer."""
        return self.points_of(self.best)

    @property
    def of(self) -> int:
        """Points that could be reached."""
        return 2 * POINTS_PER_PART

    @property
    def solved(self) -> bool:
        """Whether the last answer is right."""
        return self.tries[-1:] == ((self.exercise.path, self.truth),)

    def section(self) -> ExerciseSection:
        """The object ``exercise`` of a report."""
        path, origin = self.tries[self.best]
        return {
            "seed": self.exercise.seed,
            "level": self.exercise.level,
            "tries": [{"path": path, "origin": origin} for path, origin in self.tries],
            "hints": self.hints,
            "given_path": path,
            "given_origin": origin,
            "path": self.exercise.path,
            "origin": self.truth,
            "first": self.points_of(0),
            "points": self.points,
            "of": self.of,
        }


def check_exercise(
    exercise: Exercise, changed: Report, tries: tuple[tuple[str, str], ...], hints: int = 0
) -> ExerciseOutcome:
    """Grade the answers by what the changed container shows; the last one is the new one.

    Raises LabError where the change is not in the container: nobody could have found it.
    """
    found = next(
        (entry for entry in changed.entries if entry["path"] == exercise.path and entry["live"]),
        None,
    )
    if found is None or found["origin"] != exercise.origin:
        raise LabError(
            "the exercise is not as it was set up", "scratchlab exercise start sets it up again"
        )
    return ExerciseOutcome(exercise, tries, found["origin"], hints)
