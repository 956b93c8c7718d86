"""Faults put into the judge, one at a time, with mutmut: its own unit tests have to notice each.

``python -m tests.mutants [MODULE...]`` works in build/mutants, a copy, and prints the score and
every survivor. Modules are names such as ``scratchlab.judge.ghosts``; by default all of DECIDING.
Tables are not mutated by it: tests/unit/judge/test_rules.py holds each row.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "mutants"
# What decides: all of the judge, and of the collector what says what is proved.
DECIDING = (
    "scratchlab.judge",
    "scratchlab.collect.container_facts",
    "scratchlab.collect.runtime_config",
    "scratchlab.collect.holding",
    "scratchlab.collect.process",
)
TESTS = ("tests/unit/judge", "tests/unit/collect")
LEAST = 0.95  # of the mutants have to be killed
_COPIED = ("tests/__init__.py", "tests/unit/conftest.py", *TESTS)
_RESULT = re.compile(r"^\s+(\S+): ([a-z ]+)$")
_KILLED = ("killed", "timeout", "caught by type check", "segfault")


@dataclass
class Score:
    """Numbers of mutants, and the names of those that no test noticed."""

    killed: int
    survivors: list[str]

    @property
    def share(self) -> float:
        """The part that was killed, from 0 to 1."""
        every = self.killed + len(self.survivors)
        return self.killed / every if every else 0.0


def run(modules: tuple[str, ...] = DECIDING) -> Score:
    """Mutate ``modules`` and run the tests of TESTS on each mutant. Raises RuntimeError where the
    tests fail without any fault.
    """
    _prepare(modules)
    environment = {**os.environ, "PYTHONPATH": "src"}
    mutmut = [sys.executable, "-m", "mutmut"]
    subprocess.run([*mutmut, "run"], cwd=WORK, env=environment, check=False)
    results = subprocess.run(
        [*mutmut, "results", "--all", "true"], cwd=WORK, env=environment, check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = score(results)
    unchecked = [name for name in found.survivors if name.endswith("(not checked)")]
    if unchecked:
        raise RuntimeError(f"{len(unchecked)} mutants were not checked: are the tests green?")
    return found


def score(results: str) -> Score:
    """The score from what ``mutmut results --all true`` prints."""
    found = Score(0, [])
    for line in results.splitlines():
        match = _RESULT.match(line)
        if match is None:
            continue
        name, status = match.groups()
        if status in _KILLED:
            found.killed += 1
        else:
            found.survivors.append(f"{name} ({status})")
    return found


def _prepare(modules: tuple[str, ...]) -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(ROOT / "scripts" / "scratchlab", WORK / "src" / "scratchlab")
    for name in _COPIED:
        source, target = ROOT / name, WORK / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    paths = [f"src/{module.replace('.', '/')}" for module in modules]
    mutated = [f"{path}{end}" for path in paths for end in ("/*", ".py")]
    (WORK / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\n"
        'pythonpath = ["src", "."]\n'
        'markers = ["engine: needs Docker", "root: needs root"]\n'
        "[tool.mutmut]\n"
        'source_paths = ["src"]\n'
        f"only_mutate = {mutated!r}\n"
        f"pytest_add_cli_args_test_selection = {list(TESTS)!r}\n"
        'pytest_add_cli_args = ["-p", "no:cacheprovider"]\n'
    )


if __name__ == "__main__":
    found = run(tuple(sys.argv[1:]) or DECIDING)
    print("\n".join(found.survivors))
    print(f"{found.killed} killed, {len(found.survivors)} not: {found.share:.1%}")
    sys.exit(found.share < LEAST)
