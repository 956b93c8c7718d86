"""Each machine of a classroom pulls from a git repository: ansible-pull."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e import lab_command

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".cache", ".*_cache", "build", "reports")


def git(*arguments: str, at: Path) -> None:
    identity = ["-c", "user.name=instructor", "-c", "user.email=instructor@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=at, check=True, capture_output=True)


def test_ansible_pull_converges_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    source, work = tmp_path / "source", tmp_path / "work"
    shutil.copytree(lab_command.ROOT, source, ignore=NOT_COPIED, symlinks=True)
    git("init", "--quiet", at=source)
    git("add", ".", at=source)
    git("commit", "--quiet", "--message", "the lab", at=source)
    pull = [
        str(Path(sys.executable).with_name("ansible-pull")),
        f"--url=file://{source}",
        f"--directory={work}",
    ]
    done = subprocess.run(
        [*pull, "lab.yml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=lab_command.environment({"HOME": str(tmp_path)}),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = json.loads((work / "reports/localhost/report.json").read_text())["checks"]
    assert {check["verdict"] for check in verdicts} == {"pass"}
    recap = re.findall(r"^localhost +: .*$", done.stdout, re.M)[-1]
    assert "failed=0" in recap
    # As a timer runs it every few minutes: nothing new to pull, nothing to do.
    again = subprocess.run(
        [*pull, "--only-if-changed", "lab.yml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=lab_command.environment({"HOME": str(tmp_path)}),
        cwd=tmp_path,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "PLAY RECAP" not in again.stdout
