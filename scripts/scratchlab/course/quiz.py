"""The quiz: questions on a terminal, or answers from a file that a script wrote.

Each question has two tries: right or wrong with a way to look, and the answer only after the last.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TextIO

import click
from rich.padding import Padding
from rich.table import Table

from scratchlab.classroom.grading import TRIES, GradedAnswer, GradedWorksheet, grade
from scratchlab.classroom.worksheet import ABSENT, Question, Worksheet
from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.render.terminal import ORIGIN_STYLES, console, text
from scratchlab.render.words import ORIGINS, short_ids
from scratchlab.text import visible

# Answers by path, the first one first, and the paths whose hint was read.
Tries = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What the quiz is about: the names of container and image, and how the student calls this
    program (``sudo scratchlab``).
    """

    container: str
    image: str
    program: str


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


def ask_questions(
    worksheet: Worksheet,
    subject: Subject,
    out: TextIO,
    *,
    tries: Tries,
    hints: list[str],
    save: Callable[[], None],
) -> None:
    """Ask what is still open of ``worksheet`` on ``out``.

    ``tries`` and ``hints`` hold what was answered and read before, and are filled in; ``save`` is
    called after each change. Ends at the end of the input; Ctrl-C raises click.Abort.
    """
    screen = console(out)
    screen.print(_choices_table())
    screen.print(text("Answer with a number or a word; ? for a hint, nothing to leave it out."))
    for number, question in enumerate(worksheet.questions, 1):
        one = Worksheet(worksheet.seed, (question,))
        prompt = f"\n{number}/{len(worksheet.questions)}  {visible(question.path)}"
        while not (graded := grade(one, tries, hints).answers[0]).ended:
            answer = _ask(prompt)
            if not answer:
                break
            if answer == "?":
                if question.path not in hints:
                    hints.append(question.path)
                screen.print(text(hint_text(question, subject), "yellow"))
            else:
                tries.setdefault(question.path, []).append(answer)
                graded = grade(one, tries, hints).answers[0]
                print_answer(graded, subject, out)
            save()


def hint_text(question: Question, subject: Subject) -> str:
    """The hint for a question about ``subject``."""
    hint = hint_texts()[question.answer].replace("CONTAINER", subject.container)
    return hint.replace("IMAGE", subject.image).replace("scratchlab ", f"{subject.program} ")


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
    """Ask until the answer is a choice, ``?``, or nothing (also at the end of the input)."""
    while True:
        try:
            answer = str(click.prompt(prompt, default="", show_default=False)).strip().lower()
        except click.Abort:
            if sys.stdin.isatty():  # Ctrl-C, or Ctrl-D
                raise
            return ""
        if not sys.stdin.isatty():  # no terminal echoed the end of the line
            click.echo()
        if answer in ("", "?", *CHOICES):
            return answer
        if answer.isdigit() and int(answer) < len(CHOICES):
            return CHOICES[int(answer)]
        click.echo(f"{answer!a} is not one of them")


def print_graded(graded: GradedWorksheet, subject: Subject, out: TextIO) -> None:
    """Print each answer with its verdict; the right answer only where no try is left."""
    for answer in graded.answers:
        print_answer(answer, subject, out)


def print_answer(answer: GradedAnswer, subject: Subject, out: TextIO) -> None:
    """Print one answer: right with its reason; wrong with a way to look, or with the answer."""
    screen = console(out)
    mark, style = _MARKS[answer.verdict]
    given = f" {answer.given}" if answer.given else ""
    screen.print(text(f"{mark}  {visible(answer.path)}{given}", style))
    if answer.verdict == "right":
        more = short_ids(answer.explanation)
    elif answer.ended:
        more = f"it is {answer.answer}: {short_ids(answer.explanation)}"
    elif answer.verdict == "wrong":
        left = TRIES - len(answer.tries)
        look = f"{subject.program} why {subject.container} {visible(answer.path)}"
        more = f"look: {look}; {left} more try, for half"
    else:
        return
    screen.print(Padding(text(more, "dim"), (0, 0, 0, 7)))
