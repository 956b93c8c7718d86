"""Exercises: something was changed in a container; find it, and name its origin. Pure.

The seed decides what is changed and where, so that neighbours look for different things.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.report import Report
from scratchlab.report.sections import ExerciseSection

POINTS_PER_PART = 2  # for the path, and as many for its origin
# Method of the change -> the origin that the new entry then has.
METHODS: Mapping[str, Origin] = {
    "write": Origin.WRITTEN_LATER,
    "bind": Origin.USER_MOUNT,
    "tmpfs": Origin.USER_MOUNT,
    "device": Origin.RUNTIME_DEVICE,
    "layer": Origin.IMAGE_LAYER,
}
_DIRECTORIES = ("/srv", "/opt", "/usr/lib", "/var/lib", "/home", "/mnt")
_NAMES = ("notes", "backup", "settings", "cache", "helper", "update", "index", "session")


@dataclass(frozen=True, slots=True)
class Exercise:
    """What is changed: ``path`` is added by ``method``, one of :data:`METHODS`."""

    seed: str
    method: str
    path: str

    @property
    def origin(self) -> Origin:
        """The origin that a verification should show."""
        return METHODS[self.method]


def draw_exercise(seed: str) -> Exercise:
    """The exercise of a seed, always the same one."""
    number = int.from_bytes(hashlib.sha256(f"exercise\0{seed}".encode()).digest()[:8])
    number, method_at = divmod(number, len(METHODS))
    number, directory_at = divmod(number, len(_DIRECTORIES))
    number, name_at = divmod(number, len(_NAMES))
    method = list(METHODS)[method_at]
    parent = "/dev" if method == "device" else _DIRECTORIES[directory_at]
    return Exercise(seed, method, f"{parent}/{_NAMES[name_at]}{number % 90 + 10}")


@dataclass(frozen=True, slots=True)
class ExerciseOutcome:
    """A student's answer against what the machine shows."""

    exercise: Exercise
    path: str
    origin: str
    truth: str  # the origin that the machine shows

    @property
    def points(self) -> int:
        """Half for the path (a quarter for a directory above it), half for the origin."""
        if self.path == self.exercise.path:
            return POINTS_PER_PART + (POINTS_PER_PART if self.origin == self.truth else 0)
        above = self.path != "/" and self.exercise.path.startswith(f"{self.path}/")
        return POINTS_PER_PART // 2 if above else 0

    @property
    def of(self) -> int:
        """Points that could be reached."""
        return 2 * POINTS_PER_PART

    def section(self) -> ExerciseSection:
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
    """Grade the answer ``path`` and ``origin`` by what the two containers show.

    Raises LabError where the change is not in the container: nobody could have found it.
    """
    before = {entry["path"] for entry in usual.entries if entry["live"] is not None}
    after = {entry["path"]: entry for entry in changed.entries if entry["live"] is not None}
    added = after.get(exercise.path)
    if added is None or exercise.path in before:
        raise LabError(
            "the exercise is not as it was set up", "scratchlab exercise start sets it up again"
        )
    return ExerciseOutcome(exercise, "/" + path.strip("/"), origin, added["origin"])
