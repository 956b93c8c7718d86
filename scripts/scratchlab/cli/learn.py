"""The commands of a student: worksheet, quiz, exercise. What takes time is imported late."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from scratchlab.cli.options import engine_options, vantage_option

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.model import Json
    from scratchlab.report import Report

seed_option = click.option(
    "--seed", metavar="WORD", help="Draws the questions; default: this machine's name"
)
keep_option = click.option(
    "--keep",
    metavar="FILE",
    default="/var/lib/scratchlab/quiz/graded.json",
    show_default=True,
    help="Where the grading is kept until ./lab fetches it",
)


@click.command()
@click.argument("container")
@seed_option
@click.option("--key", is_flag=True, help="With the answers: for the instructor")
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
    """Ask which paths CONTAINER will hold, and who makes them: predict first."""
    from scratchlab.classroom.worksheet import draw_worksheet, seed_of
    from scratchlab.collect.engines import connect
    from scratchlab.render.html import sheets

    with connect(engine, url) as client:
        report = _report(client, container, vantage)
    sheet = draw_worksheet(report, seed or seed_of(report))
    if html_file:
        from scratchlab.atomic import atomic_write

        with atomic_write(html_file, encoding="utf-8") as out:
            sheets.worksheet(sheet, report.head, out, key=key)
    else:
        sheets.plain(sheet, sys.stdout, key=key)
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
    """Take the worksheet of CONTAINER, graded against the live container.

    Exit status: 0 all is right, 1 something is wrong or not answered.
    """
    from scratchlab.classroom.grading import grade, graded_json
    from scratchlab.classroom.worksheet import draw_worksheet, seed_of
    from scratchlab.collect.engines import connect
    from scratchlab.course import asking, state

    given = asking.from_file(answers) if answers else None
    with connect(engine, url) as client:
        report = _report(client, container, vantage)
    sheet = draw_worksheet(report, seed or seed_of(report))
    said, hints = given or asking.ask(sheet, sys.stdout)
    graded = grade(sheet, said, hints)
    if given:
        asking.tell(graded, sys.stdout)
    before = state.load(keep) or state.nothing()
    found = graded_json(graded, report, _now())
    state.save(keep, {**found, "exercise": before["exercise"]})
    for path in graded.strangers:
        print(f"scratchlab: {path!a} was not asked", file=sys.stderr)
    print(f"{graded.points} of {graded.of} points")
    return int(graded.points < graded.of)


@click.group()
def exercise() -> None:
    """Something was changed in a container: find it, and name its origin."""


@exercise.command()
@click.option("--image", default="sleep", show_default=True, help="The image to start from")
@seed_option
@engine_options
def start(image: str, seed: str | None, engine: str | None, url: str | None) -> int:
    """Start the container `exercise`: `sleep`, but for one change."""
    from scratchlab.classroom.exercise import draw_exercise
    from scratchlab.collect.engines import connect
    from scratchlab.course import stage

    with connect(engine, url) as client:
        stage.start(client, image, draw_exercise(seed or _machine()))
    print(
        f"Something in the container {stage.CONTAINER} is not as in {image}. Find it:\n"
        f"  scratchlab verify {stage.CONTAINER}\n"
        f"and say what it is:\n"
        f"  scratchlab exercise check PATH ORIGIN"
    )
    return 0


@exercise.command()
@click.argument("path")
@click.argument("origin")
@click.option("--container", default="sleep", show_default=True, help="What is as it should be")
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
    """Grade the answer: PATH is what was changed, ORIGIN who is to blame."""
    from scratchlab.classroom.exercise import check_exercise as judged
    from scratchlab.classroom.exercise import draw_exercise
    from scratchlab.collect.engines import connect
    from scratchlab.course import stage, state

    with connect(engine, url) as client:
        usual = _report(client, container, "auto")
        changed = _report(client, stage.CONTAINER, "auto")
    outcome = judged(draw_exercise(seed or _machine()), usual, changed, path, origin)
    before = state.load(keep) or {**state.nothing(), "taken": _now()}
    state.save(keep, {**before, "exercise": outcome.json()})
    print(f"It was {outcome.exercise.path}, and its origin is {outcome.truth}.")
    print(f"{outcome.points} of {outcome.of} points")
    return int(outcome.points < outcome.of)


@exercise.command()
@engine_options
def stop(engine: str | None, url: str | None) -> int:
    """Remove the container `exercise`."""
    from scratchlab.collect.engines import connect
    from scratchlab.course import stage

    with connect(engine, url) as client:
        print("removed" if stage.stop(client) else "there was none")
    return 0


@exercise.command()
@click.argument("seeds", metavar="MACHINE...", nargs=-1, required=True)
def key(seeds: tuple[str, ...]) -> int:
    """For the instructor: what is changed in the exercise of each MACHINE."""
    from scratchlab.classroom.exercise import draw_exercise
    from scratchlab.text import visible

    found: list[Json] = []
    for seed in seeds:
        one = draw_exercise(seed)
        found.append({"machine": visible(seed), "path": one.path, "origin": str(one.origin)})
    print("\n".join(json.dumps(one) for one in found))
    return 0


def _report(client: EngineClient, container: str, vantage: str) -> Report:
    from scratchlab.lab import verification
    from scratchlab.report import Report, build

    evidence, judgement = verification.verify(client, container, vantage=vantage)
    with evidence:
        report = build(evidence, judgement)
        return Report(report.head, list(report.entries))


def _machine() -> str:
    import platform

    return platform.node()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
