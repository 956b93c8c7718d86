"""Show the reports that a run of the lab brought back: ``show_reports.py REPORTS STARTED``.

``REPORTS`` holds HOST/report.json; those older than the file ``STARTED`` are of an earlier run.
One host gets its table, a room gets one line a host and what is wrong where something is. Exit
status 1 when a check did not pass.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scratchlab import report
from scratchlab.errors import LabError
from scratchlab.experiments.command import show
from scratchlab.render.terminal import VERDICT_STYLES, console, text
from scratchlab.text import printable, visible

Reports = Mapping[str, report.Report]


def of_this_run(folder: Path, started: Path) -> dict[str, report.Report]:
    """The reports that are not older than ``started``, by host."""
    since = started.stat().st_mtime_ns
    found = sorted(folder.glob("*/report.json"))
    new = (path for path in found if path.stat().st_mtime_ns >= since)
    return {path.parent.name: report.read(str(path)) for path in new}


def room(reports: Reports) -> None:
    """One line a host; below, each check that did not pass, with what mends it."""
    screen = console(sys.stdout)
    ids = sorted({check["id"] for one in reports.values() for check in one.head["checks"]})
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("machine", *ids):
        table.add_column(heading)
    for host, one in reports.items():
        found = {check["id"]: check["verdict"] for check in one.head["checks"]}
        cells = [
            text(found.get(name, ""), VERDICT_STYLES.get(found.get(name, ""), "")) for name in ids
        ]
        table.add_row(text(visible(host), "bold"), *cells)
    screen.print(table)
    for host, one in reports.items():
        for check in one.head["checks"]:
            if check["verdict"] in ("fail", "error"):
                why = check["cause"] or check["observed"]
                screen.print(text(f"\n{visible(host)} {check['id']}: {printable(why)}", "red"))
                screen.print(text(printable(check["help"])))
    verdicts = [check["verdict"] for one in reports.values() for check in one.head["checks"]]
    passed = verdicts.count("pass")
    style = "bold green" if passed == len(verdicts) else "bold red"
    line = f"\n{passed} of {len(verdicts)} checks passed on {len(reports)} machines"
    screen.print(text(line, style))


def main() -> int:
    """Show them; gives the exit status."""
    try:
        reports = of_this_run(Path(sys.argv[1]), Path(sys.argv[2]))
    except LabError as error:
        print(f"lab: {printable(str(error))}", file=sys.stderr)
        return 2
    if len(reports) > 1:
        room(reports)
    for host, one in reports.items() if len(reports) == 1 else ():
        print()
        show(one, sys.stdout)
        folder = Path(sys.argv[1]).resolve() / host
        print(f"All that was seen: {folder / 'report.json'}")
        print(f"To look at in a browser: {folder / 'index.html'}")
    verdicts = [check["verdict"] for one in reports.values() for check in one.head["checks"]]
    return int(any(verdict != "pass" for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
