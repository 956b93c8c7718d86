"""`scratchlab why`: who put a path into a container's root."""

from __future__ import annotations

import json
import os
import sys

import click

from scratchlab.cli.options import connect_engine, engine_options, running, vantage_option
from scratchlab.errors import LabError
from scratchlab.judge.explain import Explanation
from scratchlab.lab.answers import answers
from scratchlab.model import Facts
from scratchlab.progress import Progress
from scratchlab.render.terminal import why as terminal
from scratchlab.text import printable

_UNANSWERED = 2  # ExitStatus.UNANSWERED of scratchlab.report, which takes 0.1 s to import


@click.command(short_help="Show who put PATH into CONTAINER, and what proves it.")
@click.argument("container", shell_complete=running)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@engine_options
@vantage_option
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="json: one object a line",
)  # fmt: skip
def why(
    *,
    container: str,
    paths: tuple[str, ...],
    engine: str | None,
    url: str | None,
    vantage: str,
    form: str,
) -> int:
    """Show who put PATH into CONTAINER's root, what proves it, and how to remove it.

    It reads no more than the paths, what leads to them and what proves it.

    Exit status: 0, or 2 where a path is neither in the image nor in the container.
    """
    asked = [os.fsdecode(path) for path in paths]
    status = 0
    with (
        Progress() as progress,
        connect_engine(engine, url) as client,
        answers(client, container, asked, vantage=vantage, progress=progress) as answered,
    ):
        progress.clear()
        between = ""
        for path, answer in zip(asked, answered.each, strict=True):
            if isinstance(answer, LabError):
                print(f"scratchlab: {printable(' '.join(str(answer).split()))}", file=sys.stderr)
                status = _UNANSWERED
            elif form == "json":
                _print_json(answer, answered.facts, path)
            else:
                print(between, end="")
                between = "\n"
                terminal.render(answer, sys.stdout)
    return status


def _print_json(answer: Explanation, facts: Facts, asked: str) -> None:
    from scratchlab.report.explanation import explanation_section  # 0.1 s, for this form only

    print(json.dumps(explanation_section(answer, facts, asked), sort_keys=True))
