"""`scratchlab verify`, `why`, `replay` and `report`. What takes time to import is imported late."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from scratchlab.cli.options import FINDINGS, engine_options, vantage_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scratchlab.evidence import EvidenceSet
    from scratchlab.judge import Judgement
    from scratchlab.model import Check
    from scratchlab.report import Report


@click.command()
@click.argument("container")
@engine_options
@vantage_option
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option("--save-evidence", metavar="DIR", help="Also keep all that was seen, for replay")
@click.option("--fresh", is_flag=True, help="Save and prove the image again, even if it was before")
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
    from scratchlab.collect.engines import connect
    from scratchlab.lab import verification
    from scratchlab.progress import Progress

    with Progress() as progress, connect(engine, url) as client:
        evidence, judgement = verification.verify(
            client, container, vantage=vantage, progress=progress, fresh=fresh
        )
    with evidence:
        if save_evidence:
            evidence.save(save_evidence)
        return _answer(evidence, judgement, judgement.checks, json_file, form)


@click.command()
@click.argument("container")
@click.argument("path")
@engine_options
@vantage_option
def why(container: str, path: str, engine: str | None, url: str | None, vantage: str) -> int:
    """Say who put PATH into CONTAINER's root, what proves it, and how to make it go away."""
    from scratchlab.collect.engines import connect
    from scratchlab.judge.explain import explain
    from scratchlab.lab import verification
    from scratchlab.progress import Progress
    from scratchlab.render.terminal.why import render

    with Progress() as progress, connect(engine, url) as client:
        evidence, judgement = verification.verify(
            client, container, vantage=vantage, progress=progress
        )
    with evidence:
        render(explain(evidence, judgement, os.fsdecode(path)), sys.stdout)
    return 0


@click.command()
@click.argument("evidence_dir")
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option("--format", "form", type=FINDINGS, default="table", show_default=True)
def replay(evidence_dir: str, json_file: str | None, form: str) -> int:
    """Judge evidence again that `verify --save-evidence` kept; needs no engine."""
    from scratchlab.lab import verification

    evidence, judgement = verification.replay(evidence_dir)
    with evidence:
        return _answer(evidence, judgement, judgement.checks, json_file, form)


@click.command()
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
    from scratchlab.cli import classroom
    from scratchlab.render.html.page import write
    from scratchlab.report import read
    from scratchlab.report.verdict import exit_status

    if len(reports) > 1:
        return int(bool(classroom.write_several(reports, page).needing_help))
    found = read(reports[0])
    write(found, page)
    return exit_status(found)


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
    from scratchlab.report.verdict import exit_status

    render.report(form, found, sys.stdout)
    return exit_status(found)
