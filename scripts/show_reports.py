"""Show the reports that a run of the lab brought back: ``show_reports.py REPORTS STARTED``.

``REPORTS`` holds HOST/report.json; those older than the file ``STARTED`` are of an earlier run.
One host gets its table, a room gets one line a host. Exit status 1 when a check did not pass.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scratchlab.text import printable, visible

Report = dict[str, Any]
_MARK = {"pass": "[green]✓[/]", "fail": "[red]✗[/]", "error": "[red]![/]", "skip": "[yellow]·[/]"}


def of_this_run(folder: Path, started: Path) -> dict[str, Report]:
    """The reports that are not older than ``started``, by host."""
    since = started.stat().st_mtime_ns
    found = sorted(folder.glob("*/report.json"))
    return {
        path.parent.name: json.loads(path.read_text())
        for path in found
        if path.stat().st_mtime_ns >= since
    }


def one(console: Console, host: str, report: Report) -> None:
    """The checks of one host, and what is wrong with those that did not pass."""
    table = Table(title=visible(host), title_justify="left", header_style="bold")
    for heading in ("", "experiment", "what this machine answered"):
        table.add_column(heading, overflow="fold")
    for check in report["checks"]:
        mark = _MARK[check["verdict"]]
        table.add_row(
            f"{mark} {check['id']}", printable(check["title"]), printable(check["observed"])
        )
    console.print(table)
    for check in report["checks"]:
        if check["verdict"] in ("fail", "error"):
            console.print(f"{check['id']}: {printable(check['cause'])}", style="red", markup=False)
            console.print(f"     {printable(check['help'])}", markup=False)


def room(console: Console, reports: dict[str, Report]) -> None:
    """One line a host."""
    ids = sorted({check["id"] for report in reports.values() for check in report["checks"]})
    table = Table(header_style="bold")
    for heading in ("machine", *ids):
        table.add_column(heading)
    for host, report in reports.items():
        marks = {check["id"]: _MARK[check["verdict"]] for check in report["checks"]}
        table.add_row(visible(host), *(marks.get(name, "") for name in ids))
    console.print(table)


def main() -> int:
    """Show them; gives the exit status."""
    reports = of_this_run(Path(sys.argv[1]), Path(sys.argv[2]))
    console = Console(highlight=False)
    if len(reports) == 1:
        one(console, *next(iter(reports.items())))
    elif reports:
        room(console, reports)
    verdicts = [check["verdict"] for report in reports.values() for check in report["checks"]]
    if verdicts:
        passed = verdicts.count("pass")
        where = next(iter(reports)) if len(reports) == 1 else f"{len(reports)} machines"
        console.print(
            f"{passed} of {len(verdicts)} checks passed on {visible(where)}; "
            f"all that was seen: {sys.argv[1]}/*/report.json"
        )
    return int(any(verdict != "pass" for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
