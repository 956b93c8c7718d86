"""``./lab release`` twice, by machines that differ, and what it makes, installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scratchlab import __version__

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
NAMES = {
    "scratchlab",
    f"scratchlab-{__version__}.tar.gz",
    f"scratchlab-lab-{__version__}.tar.gz",
    "SHA256SUMS",
}


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False,
        **options,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is committed."""
    place = tmp_path_factory.mktemp("clone")
    run("git", "-c", "safe.directory=*", "clone", "-q", "--no-local", ROOT, place / "a")
    return place / "a"


@pytest.fixture(scope="module")
def released(checkout: Path) -> Path:
    run(sys.executable, checkout / "scripts/release.py", "--output", checkout.parent / "one")
    return checkout.parent / "one"


def test_sums_are_those_of_the_files(released: Path) -> None:
    assert {path.name for path in released.iterdir()} == NAMES
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=released)
    assert len((released / "SHA256SUMS").read_text().splitlines()) == len(NAMES) - 1


def test_another_machine_makes_the_same_bytes(checkout: Path, released: Path) -> None:
    """Another place, mask, time zone, locale, order of files, and the day after."""
    other = checkout.parent / "much-longer-name"
    run("git", "clone", "-q", checkout, other, umask=0o077)
    environment = {
        **os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "UMASK": "077",
    }  # fmt: skip
    run(
        sys.executable, other / "scripts/release.py", "--output", other.parent / "two",
        env=environment, umask=0o077, cwd="/",
    )  # fmt: skip
    for name in NAMES:
        one, two = ((place / name).read_bytes() for place in (released, other.parent / "two"))
        assert hashlib.sha256(one).digest() == hashlib.sha256(two).digest(), name


def test_each_part_names_the_commit(checkout: Path, released: Path, tmp_path: Path) -> None:
    head = run("git", "-C", checkout, "rev-parse", "HEAD").strip()
    line = f"scratchlab {__version__} (commit {head})\n"
    assert run(released / "scratchlab", "--version", cwd="/") == line
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(
        BIN / "uv", "pip", "install", "--quiet", "--python", tmp_path / "venv/bin/python",
        released / f"scratchlab-{__version__}.tar.gz",
    )  # fmt: skip
    program = tmp_path / "venv/bin/scratchlab"
    assert run(program, "--version", cwd="/") == line
    with tarfile.open(released / f"scratchlab-lab-{__version__}.tar.gz") as tar:
        file = tar.extractfile("scripts/scratchlab/commit.txt")
        assert file is not None
        assert file.read().decode().strip() == head


def test_checkout_installs_with_everything_that_the_program_reads(
    checkout: Path, tmp_path: Path
) -> None:
    """As ``pipx install .`` does, which is pip in an environment of its own."""
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    run(BIN / "uv", "pip", "install", "--quiet", "--python", python, checkout)
    (package,) = (tmp_path / "venv/lib").glob("python3*/site-packages/scratchlab")
    sources = {
        path.relative_to(checkout / "scripts/scratchlab")
        for path in (checkout / "scripts/scratchlab").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    installed = {
        path.relative_to(package)
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert installed == sources | {Path("commit.txt")}
    program = tmp_path / "venv/bin/scratchlab"
    assert run(program, "completion", "zsh", cwd="/").startswith("#compdef scratchlab")
    assert not run("git", "-C", checkout, "status", "--porcelain")
