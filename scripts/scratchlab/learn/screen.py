"""What a student reads: a step, what a check says, the state of the path. Plain lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

import click

from scratchlab.learn.desk import Desk
from scratchlab.learn.grading import Graded, Outcome, Said
from scratchlab.learn.steps import Step, fill
from scratchlab.learn.width import columns
from scratchlab.text import printable

STATES = {"open": "open", "done": "done", "told": "answer told", "given-up": "solution read"}
_BAR = 30  # characters
_ROOT, _WINDOW = "root: ", "window: "


def say(out: TextIO, text: str = "", **style: Any) -> None:
    """One line, in colour where ``out`` is a terminal that has colours."""
    click.echo(click.style(printable(text), **style) if style else printable(text), file=out)


def paragraph(out: TextIO, text: str, indent: str = "") -> None:
    """``text``, one sentence a line in its source, folded to the width of the terminal."""
    width = min(columns(out), 92)
    joined = " ".join(text.split())
    for line in textwrap.wrap(
        joined, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    ):
        say(out, line)


def commands_of(step: Step, desk: Desk) -> Iterator[str]:
    """The commands of a step for this student: some are for root only, some for nobody else."""
    for line in fill(step.do, desk.values()).strip("\n").splitlines():
        if line.startswith(_ROOT):
            if desk.access.root:
                yield line.removeprefix(_ROOT)
        elif line.startswith(_WINDOW):
            if not desk.access.root:
                yield line.removeprefix(_WINDOW)
        else:
            yield line


def show_step(out: TextIO, step: Step, number: int, count: int, desk: Desk) -> None:
    """The step: what and why, the commands, the question, and what to type next."""
    entry = desk.store.record["steps"].get(step.id, {})
    state = STATES.get(entry.get("state", "open"), "open")
    say(out)
    say(out, f"Step {number} of {count}: {step.title}", bold=True)
    say(out, f"{step.points} points, about {step.estimated_time}, {step.level}; {state}", dim=True)
    say(out)
    for sentence in fill(step.description, desk.values()).strip().splitlines():
        paragraph(out, sentence)
    commands = list(commands_of(step, desk))
    if commands:
        say(out)
        for line in commands:
            say(out, f"    {line}", fg="cyan")
    say(out)
    if step.ask:
        question, *how = fill(step.ask, desk.values()).strip().splitlines()
        paragraph(out, question)
        for line in how:
            say(out, f"    {line}", fg="cyan")
        if step.tries > 1:
            say(out, "The first two answers count, the second for half.", dim=True)
    else:
        say(out, "Then: scratchlab learn check")
    say(out, "Also: scratchlab learn hint, next, status, solution", dim=True)


def sentences(step: Step, said: Said, values: Mapping[str, str]) -> tuple[str, str]:
    """The sentence for one finding, and where to look (empty for a right one).

    A key without a text of the step's own is a fault of its experiment, which explains it.
    """
    texts = step.said.get(said.key, {})
    everything = {**values, **said.values}
    if said.right:
        return fill(texts.get("right", said.key), everything), ""
    if texts:
        return fill(texts.get("wrong", said.key), everything), fill(
            texts.get("look", ""), everything
        )
    from scratchlab.experiments.table import EXPERIMENTS

    for experiment in EXPERIMENTS:
        if experiment.id == step.experiment and said.key in experiment.fault:
            known = experiment.fault[said.key]
            return fill(known.cause, everything), fill(known.help, everything)
    return said.key, ""


def show_check(
    out: TextIO, step: Step, outcome: Outcome, graded: Graded, desk: Desk, *, last: bool
) -> None:
    """What is right, what is not and how to look, and the points."""
    values = desk.values()
    for said in outcome.said:
        text, look = sentences(step, said, values)
        mark = "right" if said.right else "not yet" if not outcome.counts else "wrong"
        say(out, f"{mark:>7}  {text}", fg="green" if said.right else "red")
        if look:
            say(out, f"         look: {look}")
    for line in closing(outcome, graded, last=last):
        say(out, line)


def closing(outcome: Outcome, graded: Graded, *, last: bool) -> Iterator[str]:
    """Points, what is left, and what to type next."""
    entry = graded.entry
    if graded.ended:
        if outcome.answer and not outcome.right and entry["state"] != "open":
            yield f"The answer: {outcome.answer}"
        yield f"{entry['best']} of {entry['of']} points for this step."
        yield "scratchlab learn status" if last else "Go on: scratchlab learn next"
    elif not graded.counted:
        yield "Nothing was counted."
    elif graded.left:
        yield f"{graded.left} more answer counts, for half. A hint: scratchlab learn hint"
    else:
        yield "Look, change it, and check again. A hint: scratchlab learn hint"


def show_status(out: TextIO, steps: Sequence[Step], desk: Desk) -> None:
    """Every step with its state, a bar, and the way to the engine."""
    record = desk.store.record
    ended = [s for s in steps if record["steps"].get(s.id, {}).get("state", "open") != "open"]
    filled = round(_BAR * len(ended) / len(steps)) if steps else 0
    bar = "#" * filled + "." * (_BAR - filled)
    say(
        out,
        f"[{bar}] {len(ended)} of {len(steps)} steps, {record['points']} of {record['of']} points",
    )
    say(out)
    for number, step in enumerate(steps, 1):
        entry = record["steps"].get(step.id, {})
        state = STATES[entry.get("state", "open")] if entry else "-"
        here = ">" if step.id == record["current"] else " "
        first = f", first {entry['first']}" if entry.get("tries") else ""
        points = f"{entry.get('best', 0):>3} of {step.points:>2}{first}" if entry else ""
        say(
            out, f"{here} {number:>2}  {step.id:<11} {step.title:<40} {state:<13} {points}".rstrip()
        )
    say(out)
    say(out, f"Your directory: {desk.values()['dir']}   your names begin with: {desk.word}-")
    say(out, f"Your results:   {desk.store.path}")
    say(
        out,
        f"The engine:     {'reached ' if desk.access.may else 'not reached: '}{desk.access.how}",
    )
    for at in (number for number, step in enumerate(steps, 1) if step.id == record["current"]):
        say(out, f"You are at step {at}: scratchlab learn show")
