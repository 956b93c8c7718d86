"""Completion in the shells: commands, options, choices, and files where nothing else is known."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scratchlab", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts"), **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def completed(line: str) -> list[str]:
    """What bash is told for the last word of ``line``."""
    words = line.split(" ")
    done = run(
        _SCRATCHLAB_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_commands_options_and_choices_are_completed() -> None:
    assert completed("scratchlab im") == ["plain,image"]
    assert "plain,--platform" in completed("scratchlab image --")
    assert completed("scratchlab image --format m") == ["plain,mtree"]
    assert completed("scratchlab image --nothing") == []


def test_files_are_completed_where_nothing_else_is_known() -> None:
    assert completed("scratchlab image ./arch") == ["file,./arch"]
    assert completed("scratchlab report r") == ["file,r"]


def test_containers_need_an_engine() -> None:
    assert completed("scratchlab verify --url unix:///no/such/socket --engine docker x") == [
        "file,x"
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_printed_completion_is_valid(shell: str, tmp_path: Path) -> None:
    done = run("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_SCRATCHLAB_COMPLETE={shell}_complete" in done.stdout
    program = shutil.which(shell)
    if program is None:
        return
    (tmp_path / "it").write_text(done.stdout)
    subprocess.run([program, "-n", tmp_path / "it"], check=True)


def test_bash_completes_with_it(tmp_path: Path) -> None:
    program = tmp_path / "scratchlab"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT}/scripts exec {sys.executable} -m scratchlab "$@"\n'
    )
    program.chmod(0o755)
    (tmp_path / "source").write_text(run("completion", "bash").stdout)
    script = (
        f". {tmp_path}/source; COMP_WORDS=(scratchlab completion f); COMP_CWORD=2;"
        ' _scratchlab_completion scratchlab; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "fish\n"


@pytest.mark.parametrize("instruction", ["foo", "bash_source", "tcsh_complete"])
def test_other_instructions_are_refused(instruction: str) -> None:
    done = run(_SCRATCHLAB_COMPLETE=instruction)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("scratchlab: ")
    assert done.stderr.count("\n") == 1
