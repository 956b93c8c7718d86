"""Where each command of the documents is run: classes.toml, which says what the keys mean."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import run, scenarios

FILE = Path(__file__).with_name("classes.toml")
_PLACEHOLDER = re.compile(r"\[?[A-Z][A-Z_]*[A-Z]?(\.json|\.\.\.)?\]?|https://HOST\S*")


@dataclass(frozen=True)
class Run:
    """A command that the stage `documents` runs: ``lines`` after ``before``, in a shell."""

    command: str
    lines: str
    before: str = ""
    status: tuple[int, ...] = (0,)
    prints: tuple[str, ...] = ()
    checkout: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Elsewhere:
    """A command that another stage, a scenario or CI runs: ``has`` is in ``file`` of ``by``."""

    command: str
    by: str
    file: str
    has: str


@dataclass(frozen=True)
class Syntax:
    """A command that nothing runs, and why; its words are looked at."""

    command: str
    why: str


@dataclass(frozen=True)
class Classes:
    """The table."""

    run: tuple[Run, ...]
    elsewhere: tuple[Elsewhere, ...]
    syntax: tuple[Syntax, ...]

    def commands(self) -> list[str]:
        """The commands of all classes."""
        rows: tuple[Run | Elsewhere | Syntax, ...] = (*self.run, *self.elsewhere, *self.syntax)
        return [row.command for row in rows]


def read(text: str) -> Classes:
    """The table in ``text``. Raises TypeError and KeyError for what is not one."""
    table = tomllib.loads(text)
    return Classes(
        tuple(map(_run, table["run"])),
        tuple(Elsewhere(**row) for row in table["elsewhere"]),
        tuple(Syntax(**row) for row in table["syntax"]),
    )


def _run(row: dict[str, Any]) -> Run:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return Run(lines=values.pop("typed", row["command"]), **values)


def paths(by: str) -> tuple[str, ...]:
    """Where the files of a stage, a scenario or CI are. Raises KeyError if it does not exist."""
    kind, _, name = by.partition(" ")
    if kind == "stage":
        return run.STAGES[name].paths
    if kind == "scenario" and name in scenarios.names():
        return (f"molecule/{name}", "molecule/shared")
    return {"ci": (".ci", ".github/workflows")}[by]


def left_out(command: str, typed: str) -> list[str]:
    """The words of ``command`` that ``typed`` does not have, in their order; a placeholder (NAME)
    is filled in there or left out."""
    rest = iter(typed.split())
    words = (word for word in command.split() if not _PLACEHOLDER.fullmatch(word))
    return [word for word in words if word not in rest]
