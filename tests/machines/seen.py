"""A scenario's machine as it was, as it is, and what the lab said of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from testinfra.host import Host

from tests.e2e import door

# By its path: the sudo of Debian sid looks into no folder below /usr/local.
PROGRAM = "/usr/local/bin/scratchlab"
ARTICLE = [f"E{number:02}" for number in range(1, 13)]


class Machine:
    """One machine of a scenario, seen from outside of Ansible."""

    def __init__(self, host: Host) -> None:
        self.host = host
        variables = host.ansible.get_variables()
        self.container: str = variables.get("sleep_container_name", "sleep")
        self.name: str = variables["inventory_hostname"]
        self.results = Path(variables["scenario_results"])

    def output(self, command: str, *arguments: str) -> str:
        """Standard output of a command that must succeed; ``%s`` takes quoted arguments."""
        found: str = self.host.check_output(command, *arguments)
        return found

    def before(self) -> dict[str, Any]:
        """The snapshot of the bare machine."""
        found: dict[str, Any] = json.loads((self.results / f"{self.name}-before.json").read_text())
        return found

    def now(self) -> dict[str, Any]:
        """A snapshot of the machine as it is."""
        found: dict[str, Any] = json.loads(self.output("python3 -c %s", door.SNAPSHOT.read_text()))
        return found

    def report(self) -> dict[str, Any]:
        """The report that the lab brought back from it."""
        file = self.results / "reports" / self.name / "report.json"
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def unproved(self) -> dict[str, str]:
        """Verdicts of the report that are not ``pass``. Beyond the article's experiments, one that
        this machine cannot answer (a limit without a controller to set it) may be skipped.
        """
        found = {check["id"]: check["verdict"] for check in self.report()["checks"]}
        article = {name: found.pop(name, "missing") for name in ARTICLE}
        bad = {name: verdict for name, verdict in article.items() if verdict != "pass"}
        return bad | {n: verdict for n, verdict in found.items() if verdict not in ("pass", "skip")}

    def lab(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the lab on this machine; output and errors come as one text in ``stdout``."""
        return self.play("lab.yml", *arguments)

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the lab's playbooks on this machine, like :meth:`lab`."""
        inventory = f"{os.environ['MOLECULE_SCENARIO_DIRECTORY']}/inventory"
        return subprocess.run(
            ["ansible-playbook", "-i", inventory, "-l", self.name, playbook, *arguments],
            cwd=door.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1500,
            check=False,
        )

    def labelled(self, kind: str) -> list[str]:
        """Ids of the lab's containers or images there."""
        everything, label = ("--all", "lab") if kind == "container" else ("", "image")
        command = f"docker {kind} ls {everything} --quiet --filter label=io.scratchlab.{label}"
        return self.output(command).split()
