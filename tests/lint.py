"""The linters of ``./lab test lint``; some of them alone: ``python -m tests.lint NAME...``.

The hooks in .pre-commit-config.yaml start them by these names, in the environment that
``./lab test`` makes: what is run, and in which version, is said here and in requirements/test.txt.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
LOCK = ROOT / "requirements/test.txt"
SHELL = [
    "lab",
    ".ci/run",
    "roles/docker_host/files/engine",
    "molecule/adopt/theirs.sh",
    "molecule/causes/make-package.sh",
    "molecule/userdata/theirs.sh",
    "tests/benchmarks/plain.sh",
]
LINTERS: dict[str, list[str]] = {
    "ruff": ["ruff", "check", "."],
    "ruff-format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "lint-imports": ["lint-imports", "--no-cache", "--no-logo"],
    "shellcheck": ["shellcheck", *SHELL],
    "yamllint": ["yamllint", "--strict", "."],
    "ansible-lint": ["ansible-lint", "--offline", "--nocolor"],
}


def environment() -> dict[str, str]:
    """Tools of the test environment first, the machine's own after them."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": "scripts"}


def passes(name: str) -> bool:
    """Run one linter on the whole repository; it prints what it finds."""
    program, *arguments = LINTERS[name]
    command = [str(BIN / program), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, env=environment()).returncode == 0


def outdated(lock: str) -> Iterator[str]:
    """The packages of this environment that have another version than ``lock`` pins."""
    for name, pinned in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.M):
        try:
            installed = version(name)
        except PackageNotFoundError:  # for another system, or its linter is not found
            continue
        if installed != pinned:
            yield f"{name} {installed}, not {pinned}"


def main(names: Sequence[str]) -> int:
    """Run the linters of ``names`` in the versions that are pinned. Returns the exit status."""
    unknown = [name for name in names if name not in LINTERS]
    if unknown or not names:
        known = ", ".join(LINTERS)
        print(f"lint: name one or more of: {known}; not: {' '.join(unknown)}", file=sys.stderr)
        return 2
    old = list(outdated(LOCK.read_text("utf-8")))
    if old:
        print(f"lint: {BIN} has {'; '.join(old)}; to renew it: ./lab test lint", file=sys.stderr)
        return 2
    failed = [name for name in names if not passes(name)]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
