"""The steps of the path, read from TOML files: one file a step, in the order of the files' names.

Field names follow dsoxlab's lesson contract where it has one (dsoxlab 0.5.5 ``lab.yaml`` and
``hints.yaml``: id, title, description, level, skills, estimated_time, points, hints with cost).
A file of :data:`MORE` adds a step, or replaces the one with the same name; ``NAME.fr.toml`` has
the texts of ``NAME.toml`` in French.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from string import Template
from typing import Any

from scratchlab.errors import LabError

MORE = "/etc/scratchlab/steps"  # an instructor's own files
HINTS = 3  # of each step
_ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
_TRANSLATED = ("title", "description", "do", "ask", "hints", "solution", "said")


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint, and the points that reading it costs."""

    text: str
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Solution:
    """What solves a step: commands for a shell, then the words after ``learn check``."""

    commands: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Its texts are templates: ``${docker}`` is filled in by :func:`fill`.

    ``description`` says what and why in three sentences, ``do`` has the commands, ``ask`` is the
    question (empty: nothing is asked, the system is looked at). ``check`` names the check, and
    ``options`` is for it. ``said`` has the sentences for what a check finds, by key: ``right``,
    or ``wrong`` with ``look``. ``tries`` is the number of answers that count, 0 for a task, which
    may be checked any number of times. ``answer`` is told after the last try.
    """

    id: str
    title: str
    description: str
    check: str
    hints: tuple[Hint, ...]
    solution: Solution
    do: str = ""
    ask: str = ""
    level: str = "easy"
    skills: tuple[str, ...] = ()
    estimated_time: str = "5m"
    points: int = 10
    tries: int = 0
    experiment: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its ``${name}`` replaced; a name without a value stays as it is."""
    return Template(text).safe_substitute(values)


def load_steps(language: str = "en", more: str = MORE) -> tuple[Step, ...]:
    """All steps in order. Raises LabError for a file that is not a step."""
    files = {**dict(_own_files()), **dict(_more_files(more))}
    names = sorted(name for name in files if name.count(".") == 1)
    steps = []
    for name in names:
        translation = files.get(f"{name.removesuffix('.toml')}.{language}.toml", "")
        steps.append(read_step(name, files[name], translation))
    ids = [step.id for step in steps]
    for twice in {name for name in ids if ids.count(name) > 1}:
        raise LabError(f"two steps have the id {twice}", f"rename one of the files in {more}")
    return tuple(steps)


def read_step(name: str, text: str, translation: str = "") -> Step:
    """The step in the file ``name``. Raises LabError where it is not one."""
    remedy = f"compare it with the others, or remove {os.path.join(MORE, name)}"
    try:
        data = tomllib.loads(text)
        if translation:
            translated = tomllib.loads(translation)
            data |= {key: translated[key] for key in _TRANSLATED if key in translated}
        step = _step(data)
    except (ValueError, TypeError, AttributeError) as error:
        raise LabError(f"{name} is not a step: {error}", remedy) from error
    if not _ID.fullmatch(step.id):
        raise LabError(f"{name} is not a step: its id {step.id!a}", remedy)
    return step


def _step(data: dict[str, Any]) -> Step:
    hints = tuple(Hint(**hint) for hint in data.pop("hints", ()))
    solution = data.pop("solution", {})
    commands = tuple(map(str, solution.get("commands", ())))
    data["skills"] = tuple(data.get("skills", ()))
    return Step(hints=hints, solution=Solution(commands, str(solution.get("answer", ""))), **data)


def find_step(steps: tuple[Step, ...], name: str) -> Step:
    """The step with the id or the number ``name``. Raises LabError."""
    for number, step in enumerate(steps, 1):
        if name in (step.id, str(number)):
            return step
    raise LabError(f"there is no step {name!a}", "scratchlab learn status lists them")


def _own_files() -> Iterator[tuple[str, str]]:
    for file in resources.files("scratchlab.learn").joinpath("path").iterdir():
        if file.name.endswith(".toml"):
            yield file.name, file.read_text("utf-8")


def _more_files(directory: str) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return
    except OSError as error:
        raise LabError(f"cannot read {directory}: {error.strerror}") from error
    for name in names:
        if name.endswith(".toml"):
            try:
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    yield name, file.read()
            except (OSError, UnicodeError) as error:
                raise LabError(f"cannot read {os.path.join(directory, name)}: {error}") from error
