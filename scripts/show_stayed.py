"""Show what ``./lab destroy`` left on the machines: ``show_stayed.py LAB [OPTION...]``.

``LAB`` is the directory of ``./lab``; its ``.cache/destroyed`` has a file for each machine on which
something stays. The options are those of this run: the commands that are shown repeat them.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

COMMAND = "./lab destroy"
# What the role lab_machine says, which does not know of ./lab.
PLAYBOOK = "ansible-playbook scratchlab.lab.destroy"
OWN = "localhost"  # as inventory/localhost.yml calls the machine that one works at
CHECK, DIFF = {"--check", "-C"}, {"--diff", "-D"}


def lines(stays: Iterable[tuple[str, dict[str, list[str]]]], options: Sequence[str]) -> list[str]:
    """What stays on each machine, and the commands that remove it; nothing if nothing stays."""
    found: list[str] = []
    machines: dict[str, list[str]] = {}  # by remedy
    verb = "would stay" if CHECK & set(options) else "stays"
    for machine, what in stays:
        found.append(f"on {machine} {verb}:")
        found += [f"  {one}" for one in what["stays"]]
        for remedy in what["remedies"]:
            machines.setdefault(remedy, []).append(machine)
    kept = (one for one in options if one not in CHECK | DIFF)
    again = " ".join([COMMAND, *map(shlex.quote, kept)])
    return found + [_typed(remedy, names, again) for remedy, names in machines.items()]


def _typed(remedy: str, machines: Sequence[str], again: str) -> str:
    """A remedy with the place where its commands are typed: ./lab here, all others on a machine."""
    if remedy.startswith(PLAYBOOK) or set(machines) == {OWN}:
        return f"to remove it: {remedy.replace(PLAYBOOK, again)}"
    first, then, rest = remedy.partition(", then ")
    here = f"; then here: {rest.replace(PLAYBOOK, again)}" if then else ""
    return f"to remove it, on {', '.join(machines)}: {first}{here}"


def main(lab: str, options: Sequence[str]) -> None:
    """Print it; where nothing stays, that it is done."""
    files = sorted((Path(lab) / ".cache" / "destroyed").glob("*.json"))
    stays = [(file.stem, json.loads(file.read_text("utf-8"))) for file in files]
    done = f"done; only this directory is left: {lab}"
    if CHECK & set(options):
        done = "nothing was changed, and nothing would stay"
    for line in lines(stays, options) or [done]:
        print(f"lab: {line}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
