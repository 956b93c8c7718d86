"""Judge the reports that a run of the lab brought back: ``show_reports.py REPORTS [STARTED]``.

Writes ``REPORTS/index.html`` and what goes beside it, again each time. With ``STARTED``, a file
that is older than anything this run wrote, it also shows them: one machine gets its table, a room
one line a machine and who needs help. Exit status 1 when a machine of this run did not pass, for
whatever reason; 0 where this run was not to bring reports (``--check``, ``--tags provision``).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scratchlab import report
from scratchlab.classroom.results import Classroom, MachineState
from scratchlab.cli.classroom import build_classroom
from scratchlab.cli.experiments import print_experiments
from scratchlab.errors import LabError
from scratchlab.render.terminal import classroom
from scratchlab.text import printable


def recorded(reports: Path, started: Path) -> bool:
    """Whether the run since ``started`` wrote down what became of its machines."""
    run = reports / "run.json"
    return run.exists() and run.stat().st_mtime_ns >= started.stat().st_mtime_ns


def shown(room: Classroom, reports: Path) -> None:
    """The room on the terminal; the only machine of a room with its experiments."""
    print(f"\nAll that was seen: {reports.resolve() / 'index.html'}\n")
    seat = room.machines[0] if len(room.machines) == 1 else None
    if seat is None or seat.summary is None:
        classroom.render(room, sys.stdout)
        return
    if seat.state is not MachineState.PASSED and seat.passed == len(seat.summary.checks):
        print(f"{seat.name}: {seat.reason}; {seat.help}\n")
    print_experiments(report.read(str(reports / seat.collected.directory / "report.json")), sys.stdout)


def main(reports: Path, started: Path | None) -> int:
    """Judge and show; gives the exit status."""
    try:
        if started is None:
            build_classroom(str(reports))
            return 0
        if not recorded(reports, started):
            return 0
        room = build_classroom(str(reports))
        shown(room, reports)
    except LabError as error:
        print(f"lab: {printable(str(error))}", file=sys.stderr)
        return 2
    states = {seat.state for seat in room.machines if seat.name in room.chosen}
    return 0 if states == {MachineState.PASSED} else 1


if __name__ == "__main__":
    sys.exit(main(*[*map(Path, sys.argv[1:3]), None][:2]))  # type: ignore[arg-type]
