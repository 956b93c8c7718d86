"""Show what ``./lab check`` found: ``show_readiness.py FOLDER``, which holds that run's record.

Exit status 1 when a machine is not ready, for whatever reason; 2 when there is no record.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rich.table import Table
from rich.text import Text

from scratchlab.model import Json
from scratchlab.render.terminal import console, text
from scratchlab.room import record
from scratchlab.room.judge import without_prefix
from scratchlab.text import printable, visible

QUESTIONS = ("clock", "root", "python", "disk", "memory", "mirror", "packages")


def answers(status: Json | None) -> dict[str, Json]:
    """What was found on a machine, by question."""
    found = (status or {}).get("readiness")
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return {str(one.get("id")): one for one in rows}


def reason(status: Json | None) -> str:
    """Why a machine is not ready; empty where it is."""
    if status is None:
        return "nothing is known of it"
    if status.get("state") == "done":
        return ""
    return without_prefix(str(status.get("reason") or "the check was interrupted"))


def main(folder: str) -> int:
    """Show it; gives the exit status."""
    try:
        run = record.load(os.path.join(folder, "run.json"), record.RUN)
        names = [str(name) for name in run["chosen"]] if run else []
        machines = {
            name: record.load(os.path.join(folder, name, "status.json"), record.STATUS)
            for name in names
        }
    except (record.DamagedError, KeyError) as error:
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
        found = answers(status)
        cells = [found[key]["ready"] if key in found else None for key in QUESTIONS]
        reached = status is not None and status["state"] != "unreachable"
        table.add_row(text(visible(name), "bold"), *map(_cell, (reached, *cells)))
    screen.print(table)
    bad = {name: why for name, status in machines.items() if (why := reason(status))}
    for name, why in bad.items():
        screen.print(text(f"\n{visible(name)}: {printable(why)}", "red"))
    style = "bold red" if bad else "bold green"
    screen.print(text(f"\n{len(names) - len(bad)} of {len(names)} machines are ready", style))
    return int(bool(bad))


def _cell(ready: object) -> Text:
    if ready is None:
        return text("")
    return text("yes", "green") if ready is True else text("NO", "bold red")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
