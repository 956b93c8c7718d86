"""Exercises: something was changed in a container; find it, and name its origin. Pure part.

The seed decides what is changed and where, so that neighbours look for different things.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from scratchlab.errors import LabError
from scratchlab.model import Json, Origin
from scratchlab.report import Report

POINTS = 2  # for the path, and as many again for its origin
# How something is changed, and the origin that it then has.
WAYS: Mapping[str, Origin] = {
    "write": Origin.PROCESS_WRITE,
    "bind": Origin.USER_MOUNT,
    "tmpfs": Origin.USER_MOUNT,
    "device": Origin.RUNTIME_DEVICE,
    "layer": Origin.IMAGE_LAYER,
}
_DIRECTORIES = ("/srv", "/opt", "/usr/lib", "/var/lib", "/home", "/mnt")
_NAMES = ("notes", "backup", "settings", "cache", "helper", "update", "index", "session")


@dataclass(frozen=True, slots=True)
class Exercise:
    """What is changed: ``way`` is one of :data:`WAYS`."""

    seed: str
    way: str
    path: str

    @property
    def origin(self) -> Origin:
        """Who will be to blame, if all goes as it should."""
        return WAYS[self.way]


def draw_exercise(seed: str) -> Exercise:
    """The exercise of a seed."""
    number = int.from_bytes(hashlib.sha256(f"exercise\0{seed}".encode()).digest()[:8])
    number, way = divmod(number, len(WAYS))
    number, directory = divmod(number, len(_DIRECTORIES))
    number, name = divmod(number, len(_NAMES))
    chosen = list(WAYS)[way]
    word = f"{_NAMES[name]}{number % 90 + 10}"
    parent = "/dev" if chosen == "device" else _DIRECTORIES[directory]
    return Exercise(seed, chosen, f"{parent}/{word}")


@dataclass(frozen=True, slots=True)
class ExerciseOutcome:
    """A student's answer against the machine."""

    exercise: Exercise
    path: str
    origin: str
    truth: str  # the origin that the machine shows

    @property
    def points(self) -> int:
        """Half for the path (a quarter for a directory on the way to it), half for the origin."""
        if self.path == self.exercise.path:
            return POINTS + (POINTS if self.origin == self.truth else 0)
        above = self.path != "/" and self.exercise.path.startswith(f"{self.path}/")
        return POINTS // 2 if above else 0

    @property
    def of(self) -> int:
        """Points that could be reached."""
        return 2 * POINTS

    def json(self) -> Json:
        """The object ``exercise`` of a report."""
        return {
            "seed": self.exercise.seed,
            "given_path": self.path,
            "given_origin": self.origin,
            "path": self.exercise.path,
            "origin": self.truth,
            "points": self.points,
            "of": self.of,
        }


def check_exercise(
    exercise: Exercise, usual: Report, changed: Report, path: str, origin: str
) -> ExerciseOutcome:
    """Grade an answer by what the two containers show. Raises LabError where the change is not
    there: then nobody could have found it.
    """
    before = {entry["path"] for entry in usual.entries if entry["live"] is not None}
    after = {entry["path"]: entry for entry in changed.entries if entry["live"] is not None}
    found = after.get(exercise.path)
    if found is None or exercise.path in before:
        raise LabError(
            "the exercise is not as it was set up", "scratchlab exercise start sets it up again"
        )
    return ExerciseOutcome(exercise, "/" + path.strip("/"), origin, found["origin"])
