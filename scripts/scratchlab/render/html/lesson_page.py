"""The guided path and the words of the lab as pages, for `scratchlab page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from scratchlab.render.glossary import words
from scratchlab.render.html.templates import write_template

STYLES = ("sheets.css", "lesson.css")


@dataclass(frozen=True, slots=True)
class LessonStep:
    """One step as the page shows it. ``state`` is empty where it was not begun."""

    number: int
    id: str
    title: str
    description: str
    commands: tuple[str, ...]
    ask: str
    state: str
    best: int
    first: int
    of: int
    current: bool


def write_lesson(
    steps: Sequence[LessonStep], student: Mapping[str, str], out: TextIO, links: Mapping[str, str]
) -> None:
    """Write the path of ``student`` (``user``, ``points``, ``of``); ``links`` are title by URL."""
    done = sum(step.state not in ("", "open") for step in steps)
    _write(out, kind="lesson", steps=steps, student=student, done=done, links=links)


def write_glossary(out: TextIO, links: Mapping[str, str]) -> None:
    """Write all words with their meaning."""
    _write(out, kind="glossary", words=list(words().values()), links=links)


def _write(out: TextIO, **values: Any) -> None:
    write_template("lesson.html.j2", out, styles=STYLES, **values)
