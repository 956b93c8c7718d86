"""Show the result of ``./lab check``: ``show_readiness.py DIRECTORY`` (the record of that run).

Exit status: 1 when a machine is not ready, for whatever reason; 2 when there is no record.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rich.table import Table
from rich.text import Text

from scratchlab.classroom import records
from scratchlab.classroom.comparison import without_prefix
from scratchlab.model import Json
from scratchlab.render.terminal import console, text
from scratchlab.text import printable, visible

QUESTIONS = ("clock", "root", "python", "disk", "memory", "mirror", "packages")


def answers(status: Json | None) -> dict[str, Json]:
    """The answers of a machine, by the id of the question."""
    recorded = (status or {}).get("readiness")
    rows = recorded if isinstance(recorded, list) else []
    return {str(row.get("id")): row for row in rows if isinstance(row, dict)}


def reason(status: Json | None) -> str:
    """The reason why a machine is not ready; empty if it is."""
    if status is None:
        return "no record of it"
    if status.get("state") == "done":
        return ""
    return without_prefix(str(status.get("reason") or "the check was interrupted"))


def main(directory: str) -> int:
    """Show the record in ``directory``. Returns the exit status."""
    try:
        run = records.load_record(os.path.join(directory, "run.json"), records.RUN)
        names = [str(name) for name in run["chosen"]] if run else []
        machines = {
            name: records.load_record(os.path.join(directory, name, "status.json"), records.STATUS)
            for name in names
        }
    except (records.DamagedRecordError, KeyError) as error:
        print(f"lab: {error}; run ./lab check again", file=sys.stderr)
        return 2
    if not names:
        print("lab: no machine was checked", file=sys.stderr)
        return 2
    screen = console(sys.stdout)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("machine", "reachable", *QUESTIONS):
        table.add_column(heading)
    for name, status in machines.items():
        answered = answers(status)
        cells = [answered[key]["ready"] if key in answered else None for key in QUESTIONS]
        reached = status is not None and status["state"] != "unreachable"
        table.add_row(text(visible(name), "bold"), *map(_cell, (reached, *cells)))
    screen.print(table)
    for name, status in machines.items():
        # A distribution on which nobody has measured the lab; that is no reason to stop.
        seen = str(answers(status).get("distribution", {}).get("observed", ""))
        if "not measured" in seen:
            screen.print(text(f"\n{visible(name)}: {printable(seen)}", "yellow"))
    not_ready = {name: why for name, status in machines.items() if (why := reason(status))}
    for name, why in not_ready.items():
        screen.print(text(f"\n{visible(name)}: {printable(why)}", "red"))
    style = "bold red" if not_ready else "bold green"
    screen.print(text(f"\n{len(names) - len(not_ready)} of {len(names)} machines are ready", style))
    return int(bool(not_ready))


def _cell(ready: object) -> Text:
    if ready is None:
        return text("")
    return text("yes", "green") if ready is True else text("NO", "bold red")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
