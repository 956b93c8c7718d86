"""A hint for each right answer: where to look, not what is there."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TextIO

import click
from rich.padding import Padding
from rich.table import Table

from scratchlab.classroom.grading import Graded, grade
from scratchlab.classroom.worksheet import ABSENT, Worksheet
from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.render.terminal import ORIGIN_STYLES, console, text
from scratchlab.render.words import ORIGINS, short
from scratchlab.text import visible


@cache
def hint_texts() -> Mapping[str, str]:
    """The hints by answer: an origin, or ``absent``."""
    text = resources.files("scratchlab.course").joinpath("hints.toml").read_text("utf-8")
    found: dict[str, str] = tomllib.loads(text)
    return found


# Questions and answers: on a terminal, or from a file that a script wrote.


Answers = tuple[dict[str, str], tuple[str, ...]]
_MARKS = {"right": ("right", "green"), "wrong": ("WRONG", "bold red"), "unanswered": ("-----", "")}
CHOICES = (ABSENT, *(str(origin) for origin in ORIGINS if origin is not Origin.UNEXPLAINED))


def from_file(path: str) -> Answers:
    """``{"answers": {PATH: ORIGIN or "absent"}, "hints": [PATH, ...]}``, hints optional.

    Raises LabError where the file is none, or an answer is no origin.
    """
    remedy = 'write {"answers": {"/dev/null": "runtime-device", "/bin/sh": "absent"}}'
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(1 << 20))
        answers, hints = data["answers"], data.get("hints", [])
        whole = {str(key): str(value) for key, value in answers.items()}
        read = tuple(str(hint) for hint in hints)
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}", remedy) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise LabError(f"{path} holds no answers", remedy) from error
    for key, value in whole.items():
        if value not in CHOICES:
            known = ", ".join(CHOICES)
            raise LabError(f"{value!a} is no answer to {key!a}", f"there are: {known}")
    return whole, read


def ask(sheet: Worksheet, out: TextIO) -> Answers:
    """Ask one question after the other; the expert's answer follows each try."""
    screen = console(out)
    choices = Table.grid(padding=(0, 2))
    choices.add_column(justify="right")
    choices.add_column(no_wrap=True)
    choices.add_column(overflow="fold")
    for number, choice in enumerate(CHOICES):
        means = "it is not there" if choice == ABSENT else ORIGINS[Origin(choice)].means
        choices.add_row(str(number), text(choice, ORIGIN_STYLES.get(choice, "")), text(means))
    screen.print(choices)
    screen.print(text("Answer with a number or a word; ? for a hint, nothing to leave it out."))
    answers: dict[str, str] = {}
    hints: list[str] = []
    for number, question in enumerate(sheet.questions, 1):
        where = f"\n{number}/{len(sheet.questions)}  {visible(question.path)}"
        try:
            while (said := _read(where)) == "?":
                hints.append(question.path)
                screen.print(text(hint_texts()[question.answer], "yellow"))
        except click.Abort:
            click.echo("", out)
            break
        if said:
            answers[question.path] = said
        one = Worksheet(sheet.seed, (question,))
        tell(grade(one, answers, hints), out)
    return answers, tuple(dict.fromkeys(hints))


def _read(where: str) -> str:
    """One answer: a choice, ``?``, or nothing. Asks again until it is one of them."""
    while True:
        said = str(click.prompt(where, default="", show_default=False)).strip().lower()
        if not sys.stdin.isatty():  # nobody typed the end of the line
            click.echo()
        if said in ("", "?", *CHOICES):
            return said
        if said.isdigit() and int(said) < len(CHOICES):
            return CHOICES[int(said)]
        click.echo(f"{said!a} is none of them")


def tell(graded: Graded, out: TextIO) -> None:
    """Each answer with its verdict and the expert's answer."""
    screen = console(out)
    for one in graded.tries:
        mark, style = _MARKS[one.verdict]
        given = f" (you said {one.given})" if one.verdict == "wrong" else ""
        screen.print(text(f"{mark}  {visible(one.path)}: {one.answer}{given}", style))
        screen.print(Padding(text(short(one.because), "dim"), (0, 0, 0, 7)))
