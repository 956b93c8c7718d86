"""The path as a catalog of dsoxlab: valid, and one lesson is played from `run` to 100 of 100."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .learn_path import ROOT, Learner

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of dsoxlab's programs, in an environment of its own."""
    directory = tmp_path_factory.mktemp("dsoxlab")
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    lock = ROOT / "requirements/dsoxlab.txt"
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
    subprocess.run([str(directory / "bin/python"), *install], check=True)
    return directory / "bin"


def test_lesson_is_played_to_full_points(platform: Path, tmp_path: Path) -> None:
    learner = Learner.make(tmp_path / "home", f"sl-test-{os.getpid()}-d")
    catalog = tmp_path / "catalog"
    assert learner.learn("export", str(catalog)).returncode == 0
    again = learner.learn("export", str(catalog))
    assert (again.returncode, "does not exist yet" in again.stderr) == (2, True)

    def dsoxlab(*words: str) -> str:
        done = subprocess.run(
            [str(platform / "dsoxlab"), *words],
            cwd=catalog,
            env={
                **learner.environment(),
                "PATH": f"{platform}:{learner.environment()['PATH']}",
                "LAB_HOME": str(catalog),
                "SHELL": "/bin/bash",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "All labs are valid" in dsoxlab("validate-structure")
    dsoxlab("run", "dockerfile")
    assert "FROM scratch" in dsoxlab("challenge", "dockerfile")
    learner.type(
        "mkdir -p learn/empty; cd learn/empty; : > test; chmod 644 test",
        r"printf 'FROM scratch\nCOPY test .\n' > Dockerfile",
    )
    assert "100 / 100" in dsoxlab("check", "dockerfile")
    dsoxlab("run", "scratch")
    work = catalog / "labs/path/scratch/challenge/work"
    (work / "answer.txt").write_text("reserved\n")
    assert "100 / 100" in dsoxlab("check", "scratch")
    assert json.loads(learner.learn("status", "--format", "json").stdout)["points"] == 20
