"""A machine of a Molecule scenario: before the lab, now, and its report."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from testinfra.host import Host

from tests.e2e import lab_command

# By its path: Debian sid's sudo searches no directory below /usr/local.
PROGRAM = "/usr/local/bin/scratchlab"
ARTICLE = [f"E{number:02}" for number in range(1, 13)]


class Machine:
    """One machine of a scenario, examined without Ansible."""

    def __init__(self, host: Host) -> None:
        self.host = host
        variables = host.ansible.get_variables()
        self.container: str = variables.get("sleep_container_name", "sleep")
        self.name: str = variables["inventory_hostname"]
        self.results = Path(variables["scenario_results"])

    def output(self, command: str, *arguments: str) -> str:
        """Standard output of a command that must succeed; each ``%s`` takes a quoted argument."""
        text: str = self.host.check_output(command, *arguments)
        return text

    def before(self) -> dict[str, Any]:
        """The snapshot of the bare machine."""
        state: dict[str, Any] = json.loads((self.results / f"{self.name}-before.json").read_text())
        return state

    def now(self) -> dict[str, Any]:
        """A snapshot of the machine as it is."""
        script = lab_command.SNAPSHOT.read_text()
        state: dict[str, Any] = json.loads(self.output("python3 -c %s", script))
        return state

    def report(self) -> dict[str, Any]:
        """The report that the lab fetched from it."""
        file = self.results / "reports" / self.name / "report.json"
        content: dict[str, Any] = json.loads(file.read_text())
        return content

    def unproved(self) -> dict[str, str]:
        """Verdicts of the report that are not ``pass``. Experiments beyond the article may be
        skipped, where the machine cannot answer them (a limit without a controller to set it).
        """
        verdicts = {check["id"]: check["verdict"] for check in self.report()["checks"]}
        article = {name: verdicts.pop(name, "missing") for name in ARTICLE}
        bad = {name: verdict for name, verdict in article.items() if verdict != "pass"}
        return bad | {n: v for n, v in verdicts.items() if v not in ("pass", "skip")}

    def lab(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the lab on this machine; output and errors come as one text in ``stdout``."""
        return self.play("lab.yml", *arguments)

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the lab's playbooks on this machine, like :meth:`lab`."""
        inventory = f"{os.environ['MOLECULE_SCENARIO_DIRECTORY']}/inventory"
        return subprocess.run(
            ["ansible-playbook", "-i", inventory, "-l", self.name, playbook, *arguments],
            cwd=lab_command.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1500,
            check=False,
        )

    def labelled(self, kind: str) -> list[str]:
        """Ids of the lab's containers or images on it; ``kind`` is ``container`` or ``image``."""
        stopped, label = ("--all", "lab") if kind == "container" else ("", "image")
        command = f"docker {kind} ls {stopped} --quiet --filter label=io.scratchlab.{label}"
        return self.output(command).split()
