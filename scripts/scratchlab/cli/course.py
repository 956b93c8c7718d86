"""The commands for students: `scratchlab worksheet`, `quiz` and `exercise`."""

from __future__ import annotations

import json
import platform
import sys
from functools import partial
from typing import cast

import click

from scratchlab.atomic import atomic_write
from scratchlab.classroom.exercise import LEVELS, check_exercise, draw_exercise
from scratchlab.classroom.grading import TRIES, grade, quiz_section
from scratchlab.classroom.worksheet import draw_worksheet, seed_of
from scratchlab.cli.options import engine_options, vantage_option
from scratchlab.collect.engines import EngineClient, connect
from scratchlab.course import exercise_container, grading_file
from scratchlab.course.exercise_answer import read_answer
from scratchlab.course.quiz import Subject, ask_questions, print_graded, read_answers
from scratchlab.lab import verification
from scratchlab.learn.place import find_access, find_student
from scratchlab.learn.results import open_results
from scratchlab.learn.store import now
from scratchlab.render.html import sheets
from scratchlab.report import Report
from scratchlab.report import read as read_report
from scratchlab.report import write as write_report
from scratchlab.report.build import build
from scratchlab.report.sections import Head
from scratchlab.text import visible

REPORT = "/var/lib/scratchlab/report.json"
seed_option = click.option(
    "--seed", metavar="WORD", help="Decides what is drawn. Default: this machine's name"
)
keep_option = click.option(
    "--keep",
    metavar="FILE",
    help=f"Where the grading is kept until ./lab fetches it. Default as root: {grading_file.FILE}",
)


@click.command(short_help="Print a worksheet for CONTAINER.")
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


@click.command(short_help="Answer the worksheet of CONTAINER.")
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
    keep: str | None,
    engine: str | None,
    url: str | None,
    vantage: str,
) -> int:
    """Answer the worksheet of CONTAINER, graded against the live container.

    Each question has two tries, the second for half. Interrupted, it goes on where it was.
    Exit status: 0 all answers are right, 1 an answer is wrong or missing.
    """
    from_file = read_answers(answers) if answers else None
    with connect(engine, url) as client:
        report = _verified_report(client, container, vantage)
    drawn = draw_worksheet(report, seed or seed_of(report))
    student = find_student()
    tags = report.head["image"]["tags"]
    image = tags[0] if tags else report.head["image"]["id"]
    subject = Subject(container, image, find_access(student).scratchlab)
    results = open_results(student, report.head["host"]["name"])
    entry = results.store.answers("quizzes", drawn.seed)
    tries, hints = entry["tries"], entry["hints"]

    def save() -> None:
        results.save_quiz(drawn.seed, grade(drawn, tries, hints))

    before = grade(drawn, tries, hints)
    if before.ended:
        print("You have answered before; this does not change your points.")
    elif from_file:
        _answer(tries, hints, from_file, before.ended)
        save()
    else:
        ask_questions(drawn, subject, sys.stdout, tries=tries, hints=hints, save=save)
    graded = grade(drawn, tries, hints)
    if from_file or before.ended:
        print_graded(graded, subject, sys.stdout)
    path = _kept_in(keep)
    if path and (tries or from_file):
        kept = grading_file.load_grading(path) or grading_file.empty_grading()
        grading = quiz_section(graded, report, now())
        grading_file.save_grading(path, {**grading, "exercise": kept["exercise"]})
    asked = {question.path for question in drawn.questions}
    for strange in sorted(set(from_file[0]) - asked) if from_file else ():
        print(f"scratchlab: {strange!a} was not asked", file=sys.stderr)
    if not graded.ended:
        print(f"Not all is answered; to go on: {subject.program} quiz {container}")
    print(f"{graded.points} of {graded.of} points")
    return int(graded.points < graded.of)


def _answer(
    tries: dict[str, list[str]],
    hints: list[str],
    given: tuple[dict[str, str], tuple[str, ...]],
    ended: bool,
) -> None:
    """Add the answers of a file to ``tries``: each is the first or the second one."""
    for path, answer in {} if ended else given[0].items():
        known = tries.setdefault(path, [])
        if len(known) < TRIES and answer not in known:
            known.append(answer)
    hints.extend(path for path in given[1] if path not in hints)


@click.group()
def exercise() -> None:
    """Find what was changed in a container, and name its origin."""


@exercise.command()
@click.option("--image", default="sleep", show_default=True, help="The image to start")
@click.option("--level", type=click.Choice(LEVELS), help="How difficult. Default: what is open")
@seed_option
@engine_options
def start(
    image: str, level: str | None, seed: str | None, engine: str | None, url: str | None
) -> int:
    """Start the container `exercise`: like `sleep`, but for one change."""
    word = seed or platform.node()
    student = find_student()
    if level is None:
        level = open_results(student, platform.node()).open_level(word)
    with connect(engine, url) as client:
        exercise_container.start(client, image, draw_exercise(word, level))
    name, program = exercise_container.CONTAINER, find_access(student).scratchlab
    print(
        f"Something in the container {name} is not as in {image} ({level}). Find it:\n"
        f"  {program} verify {name}\n"
        f"and say what it is:\n"
        f"  {program} exercise check PATH ORIGIN"
    )
    return 0


@exercise.command()
@click.argument("path")
@click.argument("origin")
@click.option("--container", hidden=True, help="Not needed any more")
@seed_option
@keep_option
@engine_options
def check(
    *,
    path: str,
    origin: str,
    container: str | None,  # noqa: ARG001 - commands of older lessons still give it
    seed: str | None,
    keep: str | None,
    engine: str | None,
    url: str | None,
) -> int:
    """Grade an answer: the changed PATH, and its ORIGIN. Two answers count, the second for half."""
    answer = read_answer(path, origin)
    with connect(engine, url) as client:
        level = exercise_container.running_level(client)
        changed = _verified_report(client, exercise_container.CONTAINER, "auto")
    drawn = draw_exercise(seed or platform.node(), level)
    student = find_student()
    results = open_results(student, changed.head["host"]["name"])
    tries, hints = results.exercise_tries(drawn)
    counts = len(tries) < TRIES and (drawn.path, str(drawn.origin)) not in tries
    outcome = check_exercise(drawn, changed, (*tries, answer) if counts else tries, hints)
    right = (answer[0] == drawn.path, answer[1] == outcome.truth)
    program = find_access(student).scratchlab
    look = f"{program} verify {exercise_container.CONTAINER}"
    print(f"The path is {'right' if right[0] else f'wrong; look: {look}'}.")
    if right[0]:
        why = f"{program} why {exercise_container.CONTAINER} {visible(drawn.path)}"
        print(f"The origin is {'right' if right[1] else f'wrong; look: {why}'}.")
    if not counts:
        print("You have answered before; this does not change your points.")
    results.save_exercise(outcome)
    kept_in = _kept_in(keep)
    if kept_in:
        before = grading_file.load_grading(kept_in) or {
            **grading_file.empty_grading(),
            "taken": now(),
        }
        grading_file.save_grading(kept_in, {**before, "exercise": outcome.section()})
    ended = outcome.solved or len(outcome.tries) >= TRIES
    if ended and not all(right):
        print(f"It was {visible(drawn.path)}, and its origin is {outcome.truth}.")
    elif not ended:
        print("One more answer counts, for half.")
    print(f"{outcome.points} of {outcome.of} points")
    return int(not all(right))


@exercise.command()
@seed_option
@engine_options
def hint(seed: str | None, engine: str | None, url: str | None) -> int:
    """Show the hint for the exercise that runs. It costs a point."""
    with connect(engine, url) as client:
        level = exercise_container.running_level(client)
    drawn = draw_exercise(seed or platform.node(), level)
    results = open_results(find_student(), platform.node())
    print(results.read_hint(drawn))
    return 0


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
        for drawn in map(partial(draw_exercise, machine), LEVELS):
            answer = {
                "machine": visible(machine),
                "level": drawn.level,
                "kind": drawn.kind,
                "path": drawn.path,
                "origin": str(drawn.origin),
            }
            print(json.dumps(answer))
    return 0


@click.command(short_help="Put the answers so far into the report.")
@click.option("--report", "file", metavar="FILE", default=REPORT, show_default=True)
@click.option("--keep", metavar="FILE", default=grading_file.FILE, show_default=True)
def results(file: str, keep: str) -> int:
    """Put the answers so far into the report that ./lab made of this machine.

    No experiment runs: what the report says of the container is as old as before.
    """
    made = read_report(file)
    grading = grading_file.grading_for_report(keep)
    head = {key: section for key, section in made.head.items() if key != "quiz"}
    if grading is not None:
        head["quiz"] = grading
    write_report(Report(cast("Head", head), made.entries), file)
    if grading is None:
        print("no answers yet")
    else:
        count = sum(answer["verdict"] != "unanswered" for answer in grading["answers"])
        print(f"{count} answers, {grading['points']} of {grading['of']} points")
    return 0


def _kept_in(keep: str | None) -> str:
    """The file that ./lab fetches: only root can write the default one."""
    if keep is not None:
        return keep
    return grading_file.FILE if find_student().root else ""


def _verified_report(client: EngineClient, container: str, vantage: str) -> Report:
    """The report of a verification; it needs neither the evidence nor the engine any more."""
    evidence, judgement = verification.verify(client, container, vantage=vantage)
    with evidence:
        return build(evidence, judgement)
