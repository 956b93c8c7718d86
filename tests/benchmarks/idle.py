"""The floor of Ansible: as many tasks as a run of the lab had, of which none does anything."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Tasks of a second run that send a module: the facts. The experiments are a command.
MODULES_AGAIN = 1
# Of a first run also, before the proof: packages, daemon.json, the engine, Go, images, container.
MODULES_BEFORE = MODULES_AGAIN + 6
MODULES_FIRST = MODULES_BEFORE + 2  # program, directory


@dataclass(frozen=True)
class Tasks:
    """How many tasks of a run came to what, on one host."""

    done: int  # modules among them
    skipped: int

    def playbook(self, modules: int) -> str:
        """A playbook of as many tasks: ``modules`` pings, checks that hold, and skipped ones."""
        ping: dict[str, Any] = {"name": "Send a module", "ansible.builtin.ping": None}
        check: dict[str, Any] = {"ansible.builtin.assert": {"that": True, "quiet": True}}
        tasks = [ping] * modules
        tasks += [{"name": "Check", **check}] * (self.done - modules)
        tasks += [{"name": "Skip", "when": False, **check}] * self.skipped
        play = {"hosts": "all", "become": True, "gather_facts": False, "tasks": tasks}
        return json.dumps([play])


def tasks_before(log: Path, host: str, play: str) -> Tasks:
    """Those of the run in ``log`` before the line that begins with ``play``, as the recap counts
    them: neither the items of a loop nor the end of a play. Raises ValueError without that line.
    """
    before, announced, _ = log.read_text().partition(f"\n{play}")
    if not announced:
        raise ValueError(f"no {play!r} in {log}")
    done = skipped = 0
    runs = re.compile(rf"^(?:(?:ok|changed): \[{host}\]|included: .* {host})$", re.M)
    for task in before.split("\nTASK [")[1:]:
        done += bool(runs.search(task))
        ends_play = task.startswith("Skip this machine")
        skipped += not ends_play and bool(re.search(rf"^skipping: \[{host}\]$", task, re.M))
    return Tasks(done, skipped)


def tasks_of(log: Path, host: str) -> Tasks:
    """Those of the last run in ``log``, by Ansible's recap. Raises ValueError without one."""
    found = re.findall(rf"^{host} +: ok=(\d+) .*skipped=(\d+)", log.read_text(), re.M)
    if not found:
        raise ValueError(f"no recap of {host} in {log}")
    done, skipped = map(int, found[-1])
    return Tasks(done, skipped)
