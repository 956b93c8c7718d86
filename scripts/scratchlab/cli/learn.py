"""`scratchlab learn`: the guided path of one student on one machine."""

from __future__ import annotations

import json
import os
import platform
import sys

import click

from scratchlab.cli.options import engine_options
from scratchlab.errors import LabError
from scratchlab.learn import grading, screen
from scratchlab.learn.checks import find_check
from scratchlab.learn.desk import Desk
from scratchlab.learn.dsoxlab import catalog_files
from scratchlab.learn.place import PROGRAM, find_access, find_student, sudo_allows_program
from scratchlab.learn.steps import Step, fill, find_step, load_steps
from scratchlab.learn.store import Store, now
from scratchlab.text import printable

CHECKED = "scratchlab-learn-check-1"  # schema of what `check --format json` prints
_FORMATS = click.Choice(["text", "json"])
_AGAIN = "SCRATCHLAB_LEARN_SUDO"  # set for the run that sudo starts: it does not start another


@click.group(invoke_without_command=True, short_help="Do the experiments by hand, step by step.")
@click.pass_context
def learn(context: click.Context) -> int | None:
    """Do the article's experiments by hand, step by step; each is judged on the live system.

    Without a command: the present step. State is kept in ~/.local/state/scratchlab.
    """
    if context.invoked_subcommand is None:
        desk, steps = _open(begin=True)
        return _show(desk, steps, _current(desk, steps))
    return None


@learn.command()
@click.option("--name", metavar="WORD", help="What your images and containers begin with")
@click.option("--directory", metavar="DIR", help="Where you work. Default: ~/learn")
def start(name: str | None, directory: str | None) -> int:
    """Begin the path, with names and a directory of your own."""
    desk, steps = _open(begin=True, word=name, directory=directory)
    return _show(desk, steps, _current(desk, steps))


@learn.command()
@click.argument("step", required=False)
def show(step: str | None) -> int:
    """Show the present STEP again, or another one."""
    desk, steps = _open()
    return _show(desk, steps, find_step(steps, step) if step else _current(desk, steps))


@learn.command(short_help="Judge the present step on the live system.")
@click.argument("words", metavar="[STEP] [ANSWER...]", nargs=-1)
@click.option("--format", "form", type=_FORMATS, default="text", show_default=True)
@engine_options
def check(words: tuple[str, ...], form: str, engine: str | None, url: str | None) -> int:
    """Judge the present step on the live system; a question also needs the ANSWER.

    Exit status: 0 the step is solved, 1 it is not.
    """
    desk, steps = _open()
    _become_root(desk, url)
    desk.engine_name, desk.url = engine, url
    ids = {step.id: step for step in steps}
    step = ids[words[0]] if words and words[0] in ids else _current(desk, steps)
    answer = words[1:] if words and words[0] in ids else words
    entry = desk.store.of(step)
    asked_only = step.ask and not answer and entry["state"] != "open"
    try:
        if asked_only:  # it has ended: what was reached stands
            outcome = grading.Outcome(
                (grading.Said("right", entry["state"] == "done"),), counts=False
            )
        else:
            outcome = find_check(step)(desk, step, answer)
    finally:
        desk.close()
    graded = grading.grade(step, entry, outcome, now())
    desk.store.record["steps"][step.id] = graded.entry
    desk.store.save(steps)
    if form == "json":
        _print_json(desk, step, outcome, graded)
    elif asked_only:
        screen.say(
            sys.stdout, f"{screen.STATES[entry['state']]}: {entry['best']} of {entry['of']} points"
        )
    else:
        last = step is steps[-1]
        screen.show_check(sys.stdout, step, outcome, graded, desk, last=last)
    solved = graded.entry["state"] == "done" if graded.ended else outcome.right
    return int(not solved)


@learn.command(short_help="Show the next hint of the present step.")
def hint() -> int:
    """Show the next hint of the present step; a hint costs what it says."""
    desk, steps = _open()
    step = _current(desk, steps)
    if not step.hints:
        raise LabError(f"the step {step.id} has no hints", "scratchlab learn show")
    entry, at = grading.take_hint(step, desk.store.of(step))
    desk.store.record["steps"][step.id] = entry
    desk.store.save(steps)
    shown = step.hints[at]
    cost = "" if not shown.cost else f" (it costs {shown.cost} of {step.points} points)"
    screen.say(sys.stdout, f"Hint {at + 1} of {len(step.hints)}{cost}:")
    screen.paragraph(sys.stdout, fill(shown.text, desk.values()), "  ")
    return 0


@learn.command()
def solution() -> int:
    """Show how the present step is done. It ends the step's points."""
    desk, steps = _open()
    step = _current(desk, steps)
    desk.store.record["steps"][step.id] = grading.give_up(desk.store.of(step), now())
    desk.store.save(steps)
    values = desk.values()
    for line in step.solution.commands:
        screen.say(sys.stdout, f"    {fill(line, values)}", fg="cyan")
    words = fill(step.solution.answer, values)
    screen.say(sys.stdout, f"    scratchlab learn check {words}".rstrip(), fg="cyan")
    entry = desk.store.record["steps"][step.id]
    screen.say(
        sys.stdout,
        f"{entry['best']} of {entry['of']} points for this step. Go on: scratchlab learn next",
    )
    return 0


@learn.command("next")
def next_step() -> int:
    """Go to the next step that is still open."""
    desk, steps = _open()
    here = steps.index(_current(desk, steps))
    states = {name: entry["state"] for name, entry in desk.store.record["steps"].items()}
    order = (*steps[here + 1 :], *steps[: here + 1])
    found = next((step for step in order if states.get(step.id, "open") == "open"), None)
    if found is None:
        screen.say(sys.stdout, "You have done every step.")
        screen.show_status(sys.stdout, steps, desk)
        return 0
    if states.get(steps[here].id, "open") == "open" and found is not steps[here]:
        screen.say(sys.stdout, f"The step {steps[here].id} stays open.")
    desk.store.record["current"] = found.id
    return _show(desk, steps, found)


@learn.command()
@click.option("--format", "form", type=_FORMATS, default="text", show_default=True)
def status(form: str) -> int:
    """Show the steps, the points, and where you are."""
    desk, steps = _open()
    if form == "json":
        print(json.dumps(desk.store.record, indent=1, sort_keys=True))
    else:
        screen.show_status(sys.stdout, steps, desk)
    return 0


@learn.command()
@click.argument("directory")
def export(directory: str) -> int:
    """Write the path as a catalog of dsoxlab into the new DIRECTORY."""
    desk, steps = _open(begin=True)
    with desk.student.rights():
        try:
            os.makedirs(directory)
            for name, text in catalog_files(steps, desk.values()):
                path = os.path.join(directory, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "x", encoding="utf-8") as file:
                    file.write(text)
        except OSError as error:
            what = f"cannot write {error.filename or directory}: {error.strerror}"
            raise LabError(what, "name a directory that does not exist yet") from error
    screen.say(sys.stdout, f"{len(steps)} lessons in {directory}; dsoxlab validate-structure")
    return 0


@learn.command()
@click.option("--yes", is_flag=True, help="Do not ask")
def reset(*, yes: bool) -> int:
    """Forget everything: no result survives. What you built stays, and is named."""
    student = find_student()
    try:
        store = Store.open(student)
    except LabError as error:  # a damaged file is removed by its owner
        raise LabError(error.what, "remove it yourself, or move it away") from error
    if store is None:
        screen.say(sys.stdout, "there was nothing to forget")
        return 0
    points = f"{store.record['points']} of {store.record['of']} points"
    if not yes and not click.confirm(f"Forget {points} and every answer?", default=False):
        return 1
    store.remove()
    word, access = store.record["word"], find_access(student)
    screen.say(sys.stdout, f"removed: {store.path}")
    screen.say(sys.stdout, "What you made is yours and stays. To remove it, too:")
    images = f"{word}-empty {word}-sleep"
    screen.say(sys.stdout, f"    {access.docker} rm -f {word}-sleep {word}-limits")
    screen.say(sys.stdout, f"    {access.docker} rmi {images}")
    screen.say(sys.stdout, f"    rm -r {store.record['directory']}")
    return 0


def _open(
    *, begin: bool = False, word: str | None = None, directory: str | None = None
) -> tuple[Desk, tuple[Step, ...]]:
    """The desk of the student who typed the command, and the steps. Raises LabError."""
    student = find_student()
    steps = load_steps((os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")[:2])
    store = Store.open(student)
    if store is not None and (word or directory):
        raise LabError("the path was begun before", "scratchlab learn reset, then start it again")
    if store is None:
        if not begin:
            raise LabError("the path was not begun", "scratchlab learn")
        chosen = _word(word or student.word)
        place = os.path.abspath(os.path.join(student.home, directory or "learn"))
        store = Store.begin(
            student, host=platform.node(), word=chosen, directory=place, first=steps[0].id
        )
    return Desk(student, store, find_access(student)), steps


def _word(word: str) -> str:
    if not word.isascii() or not word.isalnum() or word != word.lower() or len(word) > 20:
        if word.replace("-", "").isalnum() and word == word.lower() and word[0] != "-":
            return word
        raise LabError(f"names cannot begin with {word!a}", "take lower-case letters and digits")
    return word


def _current(desk: Desk, steps: tuple[Step, ...]) -> Step:
    """The step where the student is; the first open one where it is no longer in the path."""
    return next((step for step in steps if step.id == desk.store.record["current"]), steps[0])


def _show(desk: Desk, steps: tuple[Step, ...], step: Step) -> int:
    desk.store.record["current"] = step.id
    desk.store.of(step)
    desk.store.save(steps)
    if not desk.access.may:
        screen.say(sys.stderr, f"scratchlab: {printable(desk.access.how)}", fg="yellow")
    screen.show_step(sys.stdout, step, steps.index(step) + 1, len(steps), desk)
    return 0


def _become_root(desk: Desk, url: str | None) -> None:
    """Run again as root where sudo allows scratchlab alone: only root can read a live root.

    The store stays the student's: sudo names the account.
    """
    if url or desk.student.root or os.environ.get(_AGAIN) or not sudo_allows_program():
        return
    if os.path.realpath(sys.argv[0]) == os.path.realpath(PROGRAM):
        os.environ[_AGAIN] = "1"
        os.execvp("sudo", ["sudo", "-n", PROGRAM, *sys.argv[1:]])  # noqa: S606 - no shell is wanted


def _print_json(desk: Desk, step: Step, outcome: grading.Outcome, graded: grading.Graded) -> None:
    said = []
    for item in outcome.said:
        text, look = screen.sentences(step, item, desk.values())
        said.append(
            {"key": item.key, "right": item.right, "text": printable(text), "look": printable(look)}
        )
    entry = graded.entry
    result = {
        "schema": CHECKED,
        "step": step.id,
        "state": entry["state"],
        "right": outcome.right if not graded.ended else entry["state"] == "done",
        "counted": graded.counted,
        "points": graded.points,
        "first": entry["first"],
        "best": entry["best"],
        "of": entry["of"],
        "left": graded.left,
        "said": said,
    }
    print(json.dumps(result, indent=1))
