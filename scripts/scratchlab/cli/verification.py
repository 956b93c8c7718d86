"""`scratchlab verify`, `replay` and `report`.

What ``verify`` needs only once the image is read is imported while the engine packs it.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import click

from scratchlab.cli.options import (
    REPORT_FORMATS,
    connect_engine,
    engine_options,
    expect_option,
    read_policy,
    row_choice,
    row_options,
    running,
    vantage_option,
)
from scratchlab.cli.selection import Selection
from scratchlab.errors import LabError
from scratchlab.progress import Progress
from scratchlab.reading import UserData
from scratchlab.remedy import Reader
from scratchlab.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scratchlab.collect.engines import EngineClient
    from scratchlab.collect.live.reader_process import ReaderProcess
    from scratchlab.render.terminal.rows import RowChoice
    from scratchlab.report import Report


@click.command()
@click.argument("containers", metavar="[CONTAINER]...", nargs=-1, shell_complete=running)
@click.option("--all", "everything", is_flag=True, help="Every running container")
@click.option("--project", metavar="NAME", help="The running containers of a Compose project")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="The running containers with this label; repeatable",
)
@engine_options
@vantage_option
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option(
    "--json-dir", metavar="DIR", help="Also write each report to DIR/NAME.json; one line each"
)
@click.option("--save-evidence", metavar="DIR", help="Also save all evidence, for replay")
@expect_option
@click.option(
    "--since",
    metavar="REPORT",
    help="Show only what changed since this report of the same container; 3: something did",
)
@click.option("--fresh", is_flag=True, help="Read and prove the image again, even if it is cached")
@click.option("--freeze", is_flag=True, help="Pause the container while it is read")
@click.option(
    "--user-data",
    type=click.Choice([str(mode) for mode in UserData]),
    default=str(UserData.LIST),
    show_default=True,
    help="What lies on volumes and binds: leave it out, list the first names, or read it all",
)
@row_options
@click.option("--format", "form", type=REPORT_FORMATS, default="table", show_default=True)
def verify(
    *,
    containers: tuple[str, ...],
    everything: bool,
    project: str | None,
    labels: tuple[str, ...],
    engine: str | None,
    url: str | None,
    vantage: str,
    json_file: str | None,
    json_dir: str | None,
    save_evidence: str | None,
    expect: str | None,
    since: str | None,
    fresh: bool,
    user_data: str,
    freeze: bool,
    all_rows: bool,
    only: tuple[str, ...],
    form: str,
) -> int:
    """Explain every entry of CONTAINER's root filesystem.

    Of several containers, each is one line (or, with --format json, one JSON object a line), and
    the exit status is the worst.
    """
    from scratchlab.lab import verification

    policy, rows = read_policy(expect), row_choice(form, all_rows, only)
    if since is not None and (form != "table" or rows is not None):
        raise click.UsageError("--since has its own table; leave out --format and --only")
    selection = Selection(containers, everything, project, labels)
    selection.check()
    if selection.is_several or json_dir:
        from scratchlab.cli.many import verify_many

        if json_file or save_evidence:
            raise click.UsageError("--json and --save-evidence are for one; use --json-dir")
        if freeze:
            raise click.UsageError("--freeze is for one container, and not with --json-dir")
        if rows is not None or since is not None:
            raise click.UsageError("--all-rows, --only and --since are for one")
        return verify_many(
            selection, engine, url, form, policy=policy, json_dir=json_dir,
            vantage=vantage, fresh=fresh, user_data=UserData(user_data),
        )  # fmt: skip
    with (
        Progress() as progress,
        _reader(vantage) as reader,
        connect_engine(engine, url) as client,
    ):
        _warn_of_paused(client)
        evidence, built = verification.report(
            client,
            containers[0],
            policy,
            save_evidence,
            vantage=vantage,
            progress=progress,
            fresh=fresh,
            user_data=UserData(user_data),
            freeze=freeze,
            reader=reader,
            prepare=partial(_import_the_rest, form),
        )
    from scratchlab.report import write

    with evidence:
        if since is None:
            return _written(built, json_file, form, rows)
        from scratchlab.cli.difference import show_since

        status = show_since(since, built)
        if json_file:
            write(built, json_file)
        return status


def _reader(vantage: str) -> AbstractContextManager[ReaderProcess | None]:
    """A process that will read the root: it starts while the engine's library is imported. None
    where the root is not read from this machine, or the process could not start.
    """
    if vantage == "debug" or not os.path.exists("/proc/self/ns"):
        return nullcontext()
    from scratchlab.collect.live.reader_process import ReaderProcess

    try:
        return ReaderProcess()
    except LabError:  # raised again where one is needed
        return nullcontext()


def _import_the_rest(form: str) -> None:
    """Import what is needed only once the image is read, which the engine packs for seconds."""
    from scratchlab import render
    from scratchlab.judge import prediction  # noqa: F401
    from scratchlab.report import build  # noqa: F401

    if not sys.stderr.isatty():  # else the progress display imports from the same library
        render.renderer(render.REPORTS[form])


def _warn_of_paused(client: EngineClient) -> None:
    from scratchlab.lab import verification

    for sentence in verification.left_paused(client):
        print(f"scratchlab: {printable(sentence)}", file=sys.stderr)


@click.command(short_help="Judge saved evidence again, without an engine.")
@click.argument("evidence_dir")
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@expect_option
@row_options
@click.option("--format", "form", type=REPORT_FORMATS, default="table", show_default=True)
def replay(
    *,
    evidence_dir: str,
    json_file: str | None,
    expect: str | None,
    all_rows: bool,
    only: tuple[str, ...],
    form: str,
) -> int:
    """Judge saved evidence again (see `verify --save-evidence`); needs no engine."""
    from scratchlab.lab import verification
    from scratchlab.report.build import build

    policy, rows = read_policy(expect), row_choice(form, all_rows, only)
    evidence, judgement = verification.replay(evidence_dir)
    with evidence:
        built = build(evidence, judgement, judgement.checks, policy=policy)
        return _written(built, json_file, form, rows)


@click.command()
@click.argument("reports", metavar="REPORT.json...", nargs=-1, required=True)
@click.option(
    "--html",
    "page",
    metavar="FILE",
    help="Write a page for a browser instead: of one report, or of a room of HOST/report.json",
)
@click.option(
    "--link",
    "links",
    metavar="URL=TITLE",
    multiple=True,
    help="Another page that the page of one report names; may be given again",
)
@click.option(
    "--host",
    metavar="NAME",
    default="",
    help="The page of one report is read elsewhere, where that machine has this name",
)
@click.option(
    "--inventory",
    "inventories",
    metavar="FILE",
    multiple=True,
    help="And this inventory of the lab leads to it; may be given again",
)
@click.option(
    "--lab-engine",
    metavar="URL",
    default="",
    help="And the lab reaches its engine by this URL (lab_engine_url)",
)
@row_options
@click.option("--format", "form", type=REPORT_FORMATS, default="table", show_default=True)
def report(
    *,
    reports: tuple[str, ...],
    page: str | None,
    links: tuple[str, ...],
    host: str,
    inventories: tuple[str, ...],
    lab_engine: str,
    all_rows: bool,
    only: tuple[str, ...],
    form: str,
) -> int:
    """Show reports that `verify --json` wrote."""
    from scratchlab.report import read
    from scratchlab.report.verdict import worst

    if links and (page is None or len(reports) > 1):
        raise click.UsageError("--link is for the page of one report")
    if (host or inventories or lab_engine) and (page is None or len(reports) > 1):
        raise click.UsageError(
            "--host, --inventory and --lab-engine are for the page of one report"
        )
    if inventories and not host:
        raise click.UsageError("--inventory needs the machine's name there: --host NAME")
    rows = row_choice("a page" if page else form, all_rows, only)
    if page:
        return _write_page(reports, page, _links(links), Reader(host, inventories, lab_engine))
    return worst([_show(read(path), form, rows) for path in reports])


def _links(given: tuple[str, ...]) -> dict[str, str]:
    """Titles by URL. Raises BadParameter where one of the two is missing."""
    links = {}
    for link in given:
        url, _, title = link.partition("=")
        if not url or not title:
            raise click.BadParameter(f"{link}: not URL=TITLE", param_hint="--link")
        links[url] = title
    return links


def _write_page(
    reports: tuple[str, ...], page: str, links: Mapping[str, str], reader: Reader
) -> int:
    # Jinja takes 0.1 s to import, and nothing else in this module needs it.
    from scratchlab.cli.classroom import write_page_of_reports
    from scratchlab.cli.report_page import write_report_page
    from scratchlab.report import read
    from scratchlab.report.verdict import ExitStatus

    if len(reports) > 1:
        needing_help = write_page_of_reports(reports, page).needing_help
        return ExitStatus.FAILED if needing_help else ExitStatus.EXPLAINED
    found = read(reports[0])
    write_report_page(found, page, links, reader)
    return found.head["verdict"]["status"]


def _written(built: Report, json_file: str | None, form: str, rows: RowChoice | None) -> int:
    """Write the report to ``json_file`` and show it; returns the exit status."""
    from scratchlab.report import write

    if json_file:
        write(built, json_file)
    return _show(built, form, rows)


def _show(shown: Report, form: str, rows: RowChoice | None) -> int:
    from scratchlab import render

    render.report(form, shown, sys.stdout, rows)
    return shown.head["verdict"]["status"]
