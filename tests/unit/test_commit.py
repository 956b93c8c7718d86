"""``--version`` names the commit, and says where sources differ from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import build_zipapp
from scratchlab import __version__
from scratchlab.commit import of_repository

ROOT = Path(__file__).parents[2]


def git(directory: Path, *arguments: str) -> str:
    identity = {
        f"GIT_{who}_{what}": "x@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env={**os.environ, **identity},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a program that prints its version."""
    package = tmp_path / "scripts/scratchlab"
    shutil.copytree(
        ROOT / "scripts/scratchlab", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def version(path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scratchlab", "--version"],
        env={**os.environ, "PYTHONPATH": str(path), "GIT_DIR": "/nowhere"},
        capture_output=True, text=True, check=True, cwd="/",
    )  # fmt: skip
    return done.stdout


def test_commit_of_a_checkout_is_named(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert of_repository(checkout) == head
    assert version(checkout / "scripts") == f"scratchlab {__version__} (commit {head})\n"
    (checkout / "notes").write_text("not a source")
    assert of_repository(checkout) == head
    (checkout / "scripts/scratchlab/new.py").write_text("")
    assert of_repository(checkout) == f"{head}-modified"
    assert version(checkout / "scripts").endswith(f"(commit {head}-modified)\n")


def test_commit_in_a_file_is_believed(checkout: Path) -> None:
    (checkout / "scripts/scratchlab/commit.txt").write_text("0123\n")
    assert version(checkout / "scripts").endswith(" (commit 0123)\n")


def test_without_a_repository_no_commit_is_claimed(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".git").rename(tmp_path / "aside")
    assert of_repository(checkout) == ""
    assert version(checkout / "scripts") == f"scratchlab {__version__}\n"
    (checkout / ".git").mkdir()
    assert of_repository(checkout) == ""


def test_a_repository_without_a_commit_names_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert of_repository(tmp_path) == ""


def test_a_changed_and_a_removed_source_count(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    source = checkout / "scripts/scratchlab/__init__.py"
    text = source.read_text()
    source.write_text(text + "# more\n")
    assert of_repository(checkout) == f"{head}-modified"
    source.write_text(text)
    assert of_repository(checkout) == head
    source.unlink()
    assert of_repository(checkout) == f"{head}-modified"


def test_program_of_one_file_has_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setattr(build_zipapp, "dependencies", lambda _: tmp_path / "none")
    monkeypatch.setattr("scratchlab.commit.of_repository", lambda _: "0123")
    build_zipapp.build(tmp_path / "program", [])
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]);"
         "from scratchlab.commit import commit; print(commit())", tmp_path / "program"],
        capture_output=True, text=True, check=True, env={}, cwd="/",
    )  # fmt: skip
    assert done.stdout == "0123\n"
