"""``./lab`` chooses its own display on a terminal, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
from tests.unit.test_lab_environment import BIN, Lab

CHOICE = "ANSIBLE_STDOUT_CALLBACK"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def chosen(lab: Lab, terminal: str, *arguments: str, piped: bool = False) -> str:
    """The display that reaches Ansible from a ``./lab`` on a terminal of that type."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            ["sh", str(lab.here / "lab"), *arguments],
            cwd=lab.here,
            env={
                "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(lab.here),
                "LC_ALL": "C.UTF-8", "TERM": terminal, CHOICE: "minimal",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if piped else theirs,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    return str(lab.calls()[-1]["environment"].get(CHOICE, "Ansible's own"))


@pytest.mark.parametrize("verb", ["lab", "check", "reset", "destroy"])
def test_terminal_gets_the_display_of_the_lab(lab: Lab, verb: str) -> None:
    assert chosen(lab, "xterm", verb) == "scratchlab.lab.lab_progress"


def test_file_or_pipe_gets_ansibles(lab: Lab) -> None:
    assert chosen(lab, "xterm", "lab", piped=True) == "Ansible's own"


@pytest.mark.parametrize("terminal", ["dumb", ""])
def test_terminal_that_cannot_erase_a_line_gets_ansibles(lab: Lab, terminal: str) -> None:
    assert chosen(lab, terminal, "lab") == "Ansible's own"
