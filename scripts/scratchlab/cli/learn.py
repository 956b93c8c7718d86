"""The commands for students: `scratchlab worksheet`, `quiz` and `exercise`."""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime

import click

from scratchlab.atomic import atomic_write
from scratchlab.classroom.exercise import check_exercise, draw_exercise
from scratchlab.classroom.grading import grade, quiz_section
from scratchlab.classroom.worksheet import draw_worksheet, seed_of
from scratchlab.cli.options import engine_options, vantage_option
from scratchlab.collect.engines import EngineClient, connect
from scratchlab.course import exercise_container, grading_file
from scratchlab.course.quiz import ask_questions, print_graded, read_answers
from scratchlab.lab import verification
from scratchlab.render.html import sheets
from scratchlab.report import Report, build
from scratchlab.text import visible

seed_option = click.option(
    "--seed", metavar="WORD", help="Decides what is drawn. Default: this machine's name"
)
keep_option = click.option(
    "--keep",
    metavar="FILE",
    default=grading_file.FILE,
    show_default=True,
    help="Where the grading is kept until ./lab fetches it",
)


@click.command()
@click.argument("container")
@seed_option
@click.option("--key", is_flag=True, help="Print the answers, too: for the instructor")
@click.option("--html", "html_file", metavar="FILE", help="Write it as a page to print")
@engine_options
@vantage_option
def worksheet(
    *,
    container: str,
    seed: str | None,
    key: bool,
    html_file: str | None,
    engine: str | None,
    url: str | None,
    vantage: str,
) -> int:
    """Print a worksheet: which paths will CONTAINER hold, and who makes them?"""
    with connect(engine, url) as client:
        report = _verified_report(client, container, vantage)
    drawn = draw_worksheet(report, seed or seed_of(report))
    if html_file:
        with atomic_write(html_file, encoding="utf-8") as out:
            sheets.write_worksheet(drawn, report.head, out, key=key)
    else:
        sheets.print_worksheet(drawn, sys.stdout, key=key)
    return 0


@click.command()
@click.argument("container")
@seed_option
@click.option(
    "--answers", metavar="FILE", help='Answer from a file: {"answers": {"/dev": "kernel", ...}}'
)
@keep_option
@engine_options
@vantage_option
def quiz(
    *,
    container: str,
    seed: str | None,
    answers: str | None,
    keep: str,
    engine: str | None,
    url: str | None,
    vantage: str,
) -> int:
    """Answer the worksheet of CONTAINER, graded against the live container.

    Exit status: 0 all answers are right, 1 an answer is wrong or missing.
    """
    from_file = read_answers(answers) if answers else None
    with connect(engine, url) as client:
        report = _verified_report(client, container, vantage)
    drawn = draw_worksheet(report, seed or seed_of(report))
    given, hints = from_file or ask_questions(drawn, sys.stdout)
    graded = grade(drawn, given, hints)
    if from_file:
        print_graded(graded, sys.stdout)
    before = grading_file.load_grading(keep) or grading_file.empty_grading()
    grading = quiz_section(graded, report, _now())
    grading_file.save_grading(keep, {**grading, "exercise": before["exercise"]})
    for path in graded.unexpected_answers:
        print(f"scratchlab: {path!a} was not asked", file=sys.stderr)
    print(f"{graded.points} of {graded.of} points")
    return int(graded.points < graded.of)


@click.group()
def exercise() -> None:
    """Find what was changed in a container, and name its origin."""


@exercise.command()
@click.option("--image", default="sleep", show_default=True, help="The image to start")
@seed_option
@engine_options
def start(image: str, seed: str | None, engine: str | None, url: str | None) -> int:
    """Start the container `exercise`: like `sleep`, but for one change."""
    with connect(engine, url) as client:
        exercise_container.start(client, image, draw_exercise(seed or platform.node()))
    name = exercise_container.CONTAINER
    print(
        f"Something in the container {name} is not as in {image}. Find it:\n"
        f"  scratchlab verify {name}\n"
        f"and say what it is:\n"
        f"  scratchlab exercise check PATH ORIGIN"
    )
    return 0


@exercise.command()
@click.argument("path")
@click.argument("origin")
@click.option(
    "--container", default="sleep", show_default=True, help="The container without the change"
)
@seed_option
@keep_option
@engine_options
def check(
    *,
    path: str,
    origin: str,
    container: str,
    seed: str | None,
    keep: str,
    engine: str | None,
    url: str | None,
) -> int:
    """Grade an answer: the changed PATH, and its ORIGIN."""
    with connect(engine, url) as client:
        usual = _verified_report(client, container, "auto")
        changed = _verified_report(client, exercise_container.CONTAINER, "auto")
    drawn = draw_exercise(seed or platform.node())
    outcome = check_exercise(drawn, usual, changed, path, origin)
    before = grading_file.load_grading(keep) or {**grading_file.empty_grading(), "taken": _now()}
    grading_file.save_grading(keep, {**before, "exercise": outcome.section()})
    print(f"It was {drawn.path}, and its origin is {outcome.truth}.")
    print(f"{outcome.points} of {outcome.of} points")
    return int(outcome.points < outcome.of)


@exercise.command()
@engine_options
def stop(engine: str | None, url: str | None) -> int:
    """Remove the container `exercise`."""
    with connect(engine, url) as client:
        print("removed" if exercise_container.stop(client) else "there was none")
    return 0


@exercise.command()
@click.argument("machines", metavar="MACHINE...", nargs=-1, required=True)
def key(machines: tuple[str, ...]) -> int:
    """Show the answers for each MACHINE: for the instructor."""
    for machine in machines:
        drawn = draw_exercise(machine)
        answer = {"machine": visible(machine), "path": drawn.path, "origin": str(drawn.origin)}
        print(json.dumps(answer))
    return 0


def _verified_report(client: EngineClient, container: str, vantage: str) -> Report:
    """The report of a verification; it needs neither the evidence nor the engine any more."""
    evidence, judgement = verification.verify(client, container, vantage=vantage)
    with evidence:
        return build(evidence, judgement)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
