"""The quiz: questions on a terminal, or answers from a file that a script wrote."""

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

from scratchlab.classroom.grading import GradedWorksheet, grade
from scratchlab.classroom.worksheet import ABSENT, Worksheet
from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.render.terminal import ORIGIN_STYLES, console, text
from scratchlab.render.words import ORIGINS, short_ids
from scratchlab.text import visible

# Answers by path, and the paths whose hint was read.
Answers = tuple[dict[str, str], tuple[str, ...]]
CHOICES = (ABSENT, *(str(origin) for origin in ORIGINS if origin is not Origin.UNEXPLAINED))
MOST_BYTES = 1 << 20  # of a file with answers
_MARKS = {"right": ("right", "green"), "wrong": ("WRONG", "bold red"), "unanswered": ("-----", "")}


@cache
def hint_texts() -> Mapping[str, str]:
    """The hint for each right answer (an origin, or ``absent``): where to look, not what is there.

    Read from ``hints.toml``.
    """
    toml = resources.files("scratchlab.course").joinpath("hints.toml").read_text("utf-8")
    hints: dict[str, str] = tomllib.loads(toml)
    return hints


def read_answers(path: str) -> Answers:
    """Read ``{"answers": {PATH: ORIGIN or "absent"}, "hints": [PATH, ...]}``; hints are optional.

    Raises LabError where the file does not hold that, or an answer is not one of the choices.
    """
    remedy = 'write {"answers": {"/dev/null": "runtime-device", "/bin/sh": "absent"}}'
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(MOST_BYTES))
        answers = {str(key): str(value) for key, value in data["answers"].items()}
        hints = tuple(str(hint) for hint in data.get("hints", []))
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}", remedy) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise LabError(f"{path} holds no answers", remedy) from error
    for question, answer in answers.items():
        if answer not in CHOICES:
            what = f"{answer!a} is not an answer to {question!a}"
            raise LabError(what, f"choose from: {', '.join(CHOICES)}")
    return answers, hints


def ask_questions(worksheet: Worksheet, out: TextIO) -> Answers:
    """Ask one question after the other on ``out``; the expert's answer follows each of them."""
    screen = console(out)
    screen.print(_choices_table())
    screen.print(text("Answer with a number or a word; ? for a hint, nothing to leave it out."))
    answers: dict[str, str] = {}
    hints: list[str] = []
    for number, question in enumerate(worksheet.questions, 1):
        prompt = f"\n{number}/{len(worksheet.questions)}  {visible(question.path)}"
        try:
            while (answer := _ask(prompt)) == "?":
                hints.append(question.path)
                screen.print(text(hint_texts()[question.answer], "yellow"))
        except click.Abort:
            click.echo("", out)
            break
        if answer:
            answers[question.path] = answer
        print_graded(grade(Worksheet(worksheet.seed, (question,)), answers, hints), out)
    return answers, tuple(dict.fromkeys(hints))


def _choices_table() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for number, choice in enumerate(CHOICES):
        means = "it is not there" if choice == ABSENT else ORIGINS[Origin(choice)].means
        table.add_row(str(number), text(choice, ORIGIN_STYLES.get(choice, "")), text(means))
    return table


def _ask(prompt: str) -> str:
    """Ask until the answer is a choice, ``?``, or nothing."""
    while True:
        answer = str(click.prompt(prompt, default="", show_default=False)).strip().lower()
        if not sys.stdin.isatty():  # no terminal echoed the end of the line
            click.echo()
        if answer in ("", "?", *CHOICES):
            return answer
        if answer.isdigit() and int(answer) < len(CHOICES):
            return CHOICES[int(answer)]
        click.echo(f"{answer!a} is not one of them")


def print_graded(graded: GradedWorksheet, out: TextIO) -> None:
    """Print each answer with its verdict and the expert's answer."""
    screen = console(out)
    for answer in graded.answers:
        mark, style = _MARKS[answer.verdict]
        given = f" (you said {answer.given})" if answer.verdict == "wrong" else ""
        screen.print(text(f"{mark}  {visible(answer.path)}: {answer.answer}{given}", style))
        screen.print(Padding(text(short_ids(answer.explanation), "dim"), (0, 0, 0, 7)))
