"""Removal: reset keeps the engine, destroy leaves no trace, and both can be repeated."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.e2e import lab_command


def labelled(kind: str) -> list[str]:
    done = subprocess.run(
        [
            "docker",
            kind,
            "ls",
            "--quiet",
            "--filter",
            f"label=io.scratchlab.{'lab' if kind == 'container' else 'image'}",
            *(["--all"] if kind == "container" else []),
        ],
        capture_output=True,
        text=True,
        check=True,
        env=lab_command.environment(),
    )
    return done.stdout.split()


def test_reset_removes_containers_and_reports_and_keeps_images() -> None:
    done = lab_command.run("reset")
    assert done.returncode == 0, done.stdout
    assert labelled("container") == []
    assert len(labelled("image")) == lab_command.IMAGES
    assert not lab_command.REPORT.exists()


def test_second_reset_changes_nothing() -> None:
    done = lab_command.run("reset")
    assert lab_command.recap(done.stdout)["localhost"]["changed"] == 0


def test_destroy_in_check_mode_changes_nothing() -> None:
    done = lab_command.run("destroy", "--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert len(labelled("image")) == lab_command.IMAGES


def test_destroy_leaves_no_trace() -> None:
    killed = Path("/root/.scratchlab-ansible/ansible-tmp-1-1-1")  # what a killed run leaves
    killed.mkdir(parents=True)
    (killed / "AnsiballZ_command.py").touch()
    done = lab_command.run("destroy")
    assert done.returncode == 0, done.stdout
    # Else a test has left something on the lab's engine, and these lines name it.
    assert "done; only this directory is left" in done.stdout.splitlines()[-1], done.stdout
    before = json.loads((lab_command.STATE / "before.json").read_text())
    assert lab_command.differences(before, lab_command.snapshot()) == []


def test_second_destroy_changes_nothing() -> None:
    done = lab_command.run("destroy")
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout
    assert not Path("/var/lib/scratchlab").exists()
