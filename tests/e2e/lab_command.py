"""The ./lab command as a person runs it, its reports, and snapshots of this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".cache" / "e2e"  # kept from one file of tests for a later one
SNAPSHOT = Path(__file__).with_name("snapshot.py")
REPORT = ROOT / "reports" / "localhost" / "report.json"
RECEIPTS = Path("/var/lib/scratchlab/receipts")
IMAGES = 4  # scratchtest, sleep, and the two that experiments need
EXPERIMENTS = [f"E{number:02}" for number in range(1, 16)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A newcomer's environment: no variables of Ansible, Docker or a virtual environment."""
    keep = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("ANSIBLE_", "DOCKER_", "VIRTUAL_ENV", "PYTEST_", "MOLECULE_"))
    }
    return keep | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"} | dict(extra or {})


def run(
    *arguments: str, env: Mapping[str, str] | None = None, command: Sequence[str] = ("./lab",)
) -> subprocess.CompletedProcess[str]:
    """Run the lab and wait; output and errors come as one text in ``stdout``."""
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1500,
        check=False,
    )


def run_until(task: str, *arguments: str, seconds: float, signal_: int) -> str:
    """Run the lab, and ``seconds`` after ``task`` is announced send the signal to its Ansible.

    SIGKILL ends every process of the controller at once, as a power cut would; its tasks on the
    machine go on. Returns the output until then. Fails when the task is never announced.
    """
    process = subprocess.Popen(
        ["./lab", *arguments],
        cwd=ROOT,
        env=environment({"PYTHONUNBUFFERED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    output = []
    for line in process.stdout:
        output.append(line)
        if line.startswith(f"TASK [{task}]"):
            time.sleep(seconds)
            os.killpg(process.pid, signal_)
            break
    else:
        raise AssertionError(f"{task!r} was never announced:\n{''.join(output)}")
    process.stdout.close()
    process.wait(timeout=120)
    return "".join(output)


def recap(output: str) -> dict[str, dict[str, int]]:
    """Ansible's recap: counts by name, by host."""
    lines = re.findall(r"^(\S+)\s+: (ok=.*)$", output, re.M)
    assert lines, f"no recap in:\n{output}"
    return {
        host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)}
        for host, counts in lines
    }


def report() -> dict[str, Any]:
    """The report that the last run fetched."""
    content: dict[str, Any] = json.loads(REPORT.read_text())
    return content


def verdicts() -> dict[str, str]:
    """Its verdicts by experiment."""
    return {check["id"]: check["verdict"] for check in report()["checks"]}


def snapshot() -> dict[str, Any]:
    """The state of this machine without this directory."""
    done = subprocess.run(
        [sys.executable, str(SNAPSHOT), str(ROOT)], capture_output=True, text=True, check=True
    )
    state: dict[str, Any] = json.loads(done.stdout)
    return state


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The differences between two snapshots, one line each."""
    lines = []
    for part, saved in before.items():
        # Leftovers of an earlier lab are not the machine's own: destroy removes them as well.
        old = {name: v for name, v in by_name(saved).items() if "scratchlab" not in name}
        new = by_name(after[part])
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                lines.append(f"{part}: {name}: {old.get(name)} -> {new.get(name)}")
    return lines


def by_name(part: Any) -> dict[str, str]:
    """A part of a snapshot as a mapping; a list becomes the names, each with "there"."""
    return dict.fromkeys(part, "there") if isinstance(part, list) else part
