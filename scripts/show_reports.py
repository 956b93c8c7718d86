"""Judge the reports that a run of the lab collected: ``show_reports.py REPORTS [STARTED]``.

Writes ``REPORTS/index.html`` and the files beside it, each time again. With ``STARTED``, a file
that is older than anything this run wrote, it also prints them: a table for one machine; for
several, one line each and who needs help. Exit status: 1 when a machine of this run did not pass,
for whatever reason, which the last lines name; 0 where this run collects no reports (``--check``,
``--tags provision``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scratchlab import report
from scratchlab.classroom.results import Classroom, MachineState
from scratchlab.cli.classroom import build_classroom
from scratchlab.cli.experiment_table import print_experiments
from scratchlab.errors import LabError
from scratchlab.render.terminal import classroom
from scratchlab.text import printable


def recorded(reports: Path, started: Path) -> bool:
    """Whether the run that began with ``started`` recorded its machines."""
    run = reports / "run.json"
    return run.exists() and run.stat().st_mtime_ns >= started.stat().st_mtime_ns


def show(results: Classroom, reports: Path) -> None:
    """Print the results: several machines as a table, a single one with its experiments."""
    print(f"\nAll results: {reports.resolve() / 'index.html'}\n")
    machine = results.machines[0] if len(results.machines) == 1 else None
    if machine is None or machine.summary is None:
        classroom.render(results, sys.stdout)
        return
    path = reports / machine.collected.directory / "report.json"
    found = report.read(str(path))
    other_reason = not machine.summary.status  # than the verdict of its report
    advice = ""
    if machine.state is not MachineState.PASSED and machine.passed == len(machine.summary.checks):
        advice = f"{machine.name}: {machine.reason}; {machine.help}"
    if advice and not other_reason:
        print(f"{advice}\n")
    print_experiments(found, sys.stdout, machine.reader)
    if advice and other_reason:
        print(advice)
    container = (found.head.get("container") or {}).get("name")
    if machine.state is MachineState.PASSED and container:
        page = path.resolve().with_name("index.html")
        command = f"{'sudo ' if os.geteuid() else ''}scratchlab why {container} /etc/mtab"
        print(f"Next: open {page}, and try on {machine.name}: {command}")


def main(reports: Path, started: Path | None) -> int:
    """Judge the reports and print them. Returns the exit status."""
    try:
        if started is None:
            build_classroom(str(reports))
            return 0
        if not recorded(reports, started):
            return 0
        results = build_classroom(str(reports))
        show(results, reports)
    except LabError as error:
        print(f"lab: {printable(str(error))}", file=sys.stderr)
        return 2
    machines = (machine for machine in results.machines if machine.name in results.chosen)
    states = {machine.state for machine in machines}
    return 0 if states == {MachineState.PASSED} else 1


if __name__ == "__main__":
    sys.exit(main(*[*map(Path, sys.argv[1:3]), None][:2]))  # type: ignore[arg-type]
