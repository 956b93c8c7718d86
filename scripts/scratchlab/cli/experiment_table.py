"""The table of the experiments: `scratchlab experiments` prints it, and ./lab on the controller.

Without the Docker SDK, which a controller that prints a report need not import.
"""

from __future__ import annotations

from typing import TextIO

from scratchlab.experiments.table import EXPERIMENTS
from scratchlab.model import Verdict
from scratchlab.remedy import HERE, Reader
from scratchlab.render.terminal import console, steps, text
from scratchlab.render.terminal.checks import VERDICT_LINE_STYLES, checks_table
from scratchlab.report import Report
from scratchlab.report.verdict import ExitStatus


def print_experiments(shown: Report, out: TextIO, reader: Reader = HERE) -> None:
    """Print the checks of a report as one table, and a line that counts them. Where the exit status
    is not 0, the last line is the reason. ``reader`` is where that is read.
    """
    head = shown.head
    checks = head["checks"]
    screen = console(out)
    # The whole table has a row for ladder and time-lapse; print them only if they were asked for.
    if "ladder" in head and len(checks) < len(EXPERIMENTS):
        steps.ladder(head["ladder"], out)
        screen.print()
        steps.timelapse(head["timelapse"], out)
        screen.print()
    screen.print(checks_table(checks, out, screen.width, reader))
    engine, runtime = head["engine"], head["runtime"]
    where = f"{engine['name']} {engine['version']} ({engine['storage_driver']})"
    if runtime["name"]:
        where = f"{where}, {runtime['name']} {runtime['version']}"
    passed = sum(check["verdict"] == Verdict.PASS for check in checks)
    skipped = [check["id"] for check in checks if check["verdict"] == Verdict.SKIP]
    verdict = head["verdict"]
    line = f"{passed} of {len(checks)} checks passed on {where}"
    line += f"; not run: {', '.join(skipped)}" if skipped else ""
    style = VERDICT_LINE_STYLES[ExitStatus(verdict["status"])]
    screen.print()
    for problem in head["problems"]:
        screen.print(text(f"problem: {problem}", "bold red"))
    for note in head["notes"]:
        screen.print(
            text(f"{'note' if verdict['status'] else 'passed with a note'}: {note}", "dim")
        )
    screen.print(text(line, style))
    if verdict["status"]:
        screen.print(text(verdict["sentence"], style))
