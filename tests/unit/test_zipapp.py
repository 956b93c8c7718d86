"""The start of the zipapp: an old Python gets one line, and what a killed run left goes."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import build_zipapp

DIGEST = "0123456789abcdef"
OLD = [f"python{version}" for version in ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10")]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A zipapp whose program prints where it was imported from; its cache is ``tmp_path/cache``."""
    start = build_zipapp.MAIN.replace("/var/cache/scratchlab", str(tmp_path / "cache"))
    files = {
        "__main__.py": start.replace("DIGEST", DIGEST),
        "scratchlab/__init__.py": "",
        "scratchlab/__main__.py": "def main():\n    print(__file__)\n    return 7\n",
    }
    path = tmp_path / "program"
    build_zipapp.write(path, {name: text.encode() for name, text in files.items()})
    return path


def run(program: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, program], capture_output=True, text=True, check=False)


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


@pytest.mark.parametrize("version", [(3, 4), (3, 6), (3, 9), (3, 10)])
def test_an_old_python_can_parse_the_start(version: tuple[int, int]) -> None:
    ast.parse(build_zipapp.MAIN, feature_version=version)


@pytest.mark.parametrize("name", OLD)
def test_an_old_python_gets_one_line(name: str, program: Path) -> None:
    python = shutil.which(name)
    version = [python or "", "--version"]
    if python is None or subprocess.run(version, capture_output=True, check=False).returncode:
        pytest.skip(f"{name} is not installed")
    done = run(program, python)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("scratchlab: it needs Python 3.11 or newer, and ")
    assert done.stderr.endswith(f"; install one, and run: python3.11 {program} ...\n")
    assert done.stderr.count("\n") == 1


def test_the_program_runs_without_its_cache_directory(program: Path) -> None:
    (program.parent / "cache").write_text("in the way")
    done = run(program)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.startswith(f"{program}/")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root unpacks the program")
def test_root_runs_the_unpacked_program_and_removes_what_a_killed_run_left(program: Path) -> None:
    cache = program.parent / "cache"
    link, running = cache / f"{DIGEST}.{dead_pid()}", cache / f"{DIGEST}.{os.getpid()}"
    dead, other = cache / f"fedcba9876543210.{dead_pid()}", cache / f"{'0' * 16}.{dead_pid()}"
    kept = [running, other, cache / f"{DIGEST}.x", cache / f"short.{dead_pid()}", cache / "ladder"]
    for path in (dead, *kept):
        (path / "scratchlab").mkdir(parents=True)
    link.symlink_to(program.parent)
    os.chown(other, 65534, 65534)
    for _ in range(2):  # the first run unpacks, the second one only looks
        dead.mkdir(exist_ok=True)
        done = run(program)
        assert (done.returncode, done.stderr) == (7, "")
        assert done.stdout.startswith(f"{cache}/{DIGEST}/")
        assert not dead.exists()
    assert {*cache.iterdir()} == {*kept, link, cache / DIGEST}
    assert program.exists()
