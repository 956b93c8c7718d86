"""The command line: words in, one exit status out. What takes time to import is imported late."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from scratchlab import __version__
from scratchlab.ladder import commands as ladder_commands
from scratchlab.learn import commands
from scratchlab.options import engine_options, vantage_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scratchlab.evidence import EvidenceSet
    from scratchlab.judge import Judgement
    from scratchlab.ledger import Ledger
    from scratchlab.model import Check
    from scratchlab.report import Report

FINDINGS = click.Choice(["table", "json", "tap", "junit"])
LEDGERS = click.Choice(["table", "json", "mtree"])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="scratchlab", message="%(prog)s %(version)s")
def scratchlab() -> None:
    """Where everything in a container's root filesystem came from.

    Exit status: 0 all explained and as predicted, 1 something differs, is missing or is
    unexplained, 2 the question could not be answered.
    """


for command in (
    commands.worksheet,
    commands.quiz,
    commands.exercise,
    ladder_commands.ladder,
    ladder_commands.timelapse,
):
    scratchlab.add_command(command)


@scratchlab.command()
@click.argument("container")
@engine_options
@vantage_option
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option("--save-evidence", metavar="DIR", help="Also keep all that was seen, for replay")
@click.option("--fresh", is_flag=True, help="Save and prove the image anew, even if it was before")
@click.option("--format", "form", type=FINDINGS, default="table", show_default=True)
def verify(
    *,
    container: str,
    engine: str | None,
    url: str | None,
    vantage: str,
    json_file: str | None,
    save_evidence: str | None,
    fresh: bool,
    form: str,
) -> int:
    """Explain every entry of CONTAINER's root filesystem."""
    from scratchlab import verification
    from scratchlab.collect.engines import connect
    from scratchlab.progress import Progress

    with Progress() as progress, connect(engine, url) as client:
        evidence, judgement = verification.verify(
            client, container, vantage=vantage, progress=progress, fresh=fresh
        )
    with evidence:
        if save_evidence:
            evidence.save(save_evidence)
        return _answer(evidence, judgement, judgement.checks, json_file, form)


@scratchlab.command()
@click.argument("container")
@click.argument("path")
@engine_options
@vantage_option
def why(container: str, path: str, engine: str | None, url: str | None, vantage: str) -> int:
    """Say who put PATH into CONTAINER's root, what proves it, and how to make it go away."""
    from scratchlab import verification
    from scratchlab.collect.engines import connect
    from scratchlab.judge.answer import answer
    from scratchlab.progress import Progress
    from scratchlab.render.why import render

    with Progress() as progress, connect(engine, url) as client:
        evidence, judgement = verification.verify(
            client, container, vantage=vantage, progress=progress
        )
    with evidence:
        render(answer(evidence, judgement, os.fsdecode(path)), sys.stdout)
    return 0


@scratchlab.command()
@click.argument("source", metavar="ARCHIVE|IMAGE|-")
@click.option("--reference", metavar="NAME", help="Which image of an archive that holds several")
@engine_options
@click.option("--format", "form", type=LEDGERS, default="table", show_default=True)
def image(
    source: str, reference: str | None, engine: str | None, url: str | None, form: str
) -> int:
    """List what an image archive (a file, - for standard input) or an engine's image adds up to."""
    from scratchlab import listing
    from scratchlab.progress import Progress

    with Progress() as progress:
        found, ledger = listing.image(source, reference, engine, url, progress)
    with ledger:
        return _list(ledger, form, found.problems)


@scratchlab.command()
@click.argument("container")
@engine_options
@vantage_option
@click.option("--format", "form", type=LEDGERS, default="table", show_default=True)
def live(container: str, engine: str | None, url: str | None, vantage: str, form: str) -> int:
    """List what CONTAINER's process sees as its root."""
    from scratchlab import listing
    from scratchlab.progress import Progress

    with Progress() as progress:
        ledger = listing.live(container, engine, url, vantage, progress)
    with ledger:
        return _list(ledger, form)


@scratchlab.command()
@click.argument("evidence_dir")
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option("--format", "form", type=FINDINGS, default="table", show_default=True)
def replay(evidence_dir: str, json_file: str | None, form: str) -> int:
    """Judge evidence again that `verify --save-evidence` kept; needs no engine."""
    from scratchlab import verification

    evidence, judgement = verification.replay(evidence_dir)
    with evidence:
        return _answer(evidence, judgement, judgement.checks, json_file, form)


@scratchlab.command()
@click.argument("reports", metavar="REPORT.json...", nargs=-1, required=True)
@click.option(
    "--html",
    "page",
    metavar="FILE",
    help="Write a page for a browser instead: of one report, or of a room of HOST/report.json",
)
@click.option("--format", "form", type=FINDINGS, default="table", show_default=True)
def report(reports: tuple[str, ...], page: str | None, form: str) -> int:
    """Show reports that `verify --json` wrote."""
    from scratchlab.report import read

    if page:
        return _write_page(reports, page)
    return max(_show(read(path), form) for path in reports)


def _write_page(reports: tuple[str, ...], page: str) -> int:
    from scratchlab.outcome import status
    from scratchlab.render.page import write
    from scratchlab.report import read
    from scratchlab.room import several

    if len(reports) > 1:
        return int(bool(several.write(reports, page).needing_help))
    found = read(reports[0])
    write(found, page)
    return status(found)


@scratchlab.command()
@click.option(
    "--only", multiple=True, metavar="ID", help="E07, with what it depends on; repeatable"
)
@click.option("--container", default="sleep", show_default=True, help="The lab's container")
@click.option("--image", default="sleep", show_default=True, help="The image it runs")
@click.option("--binary", metavar="FILE", help="The program as it was built, where ./lab built it")
@engine_options
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option("--save-evidence", metavar="DIR", help="Also keep all that was seen")
@click.option(
    "--quiz", "quiz_file", metavar="FILE", help="Put the grading that `quiz` kept into the report"
)
@click.option("--format", "form", type=FINDINGS, default="table", show_default=True)
def experiments(
    *,
    only: tuple[str, ...],
    container: str,
    image: str,
    binary: str | None,
    engine: str | None,
    url: str | None,
    json_file: str | None,
    save_evidence: str | None,
    quiz_file: str | None,
    form: str,
) -> int:
    """Run the article's experiments against the lab's own objects."""
    from scratchlab.experiments import command
    from scratchlab.experiments.names import Names

    return command.main(
        Names(container=container, image=image, **({"binary": binary} if binary else {})),
        only=only,
        engine=engine,
        url=url,
        keep=save_evidence,
        json_file=json_file,
        quiz_file=quiz_file,
        form=form,
    )


def _answer(
    evidence: EvidenceSet,
    judgement: Judgement,
    checks: Iterable[Check],
    json_file: str | None,
    form: str,
) -> int:
    """Build the report, write it where it is wanted, show it; gives the exit status."""
    from scratchlab.report import build, write

    found = build(evidence, judgement, checks)
    if json_file:
        write(found, json_file)
    return _show(found, form)


def _show(found: Report, form: str) -> int:
    from scratchlab import render
    from scratchlab.outcome import status

    render.report(form, found, sys.stdout)
    return status(found)


def _list(ledger: Ledger, form: str, problems: tuple[str, ...] = ()) -> int:
    from scratchlab import render
    from scratchlab.text import printable

    render.ledger(form, ledger, sys.stdout)
    for problem in problems:
        print(f"scratchlab: {printable(problem)}", file=sys.stderr)
    return 1 if problems else 0
