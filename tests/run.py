"""Everything CI runs, in order: ``./lab test [--all] [STAGE...]``.

Stages: lint, unit, before, first, integration, browser, scenarios, room, faults, leave; the room of
six machines only with --all or by its name. The lab itself is taken from bare to proved and back on
this very machine; the integration and browser tests run in between, on the engine that the lab
brought. A stage that fails does not keep the later ones from cleaning up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from junitparser import JUnitXml

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = Path("/sys/class/net")
# What podman, runc, crun and sshd make when they run; no package removes it.
BORROWED = [
    Path(path)
    for path in ("/etc/cni", "/run/containers", "/run/crun", "/run/libpod", "/run/netns",
                 "/run/runc", "/run/sshd", "/var/lib/cni", "/var/lib/containers",
                 NETWORKS / "cni-podman0")
]  # fmt: skip
JUNIT = ROOT / "build" / "junit"
BIN = Path(sys.executable).parent
SHELL = [
    "lab",
    ".ci/run",
    "roles/docker_host/files/engine",
    "molecule/adopt/theirs.sh",
    "molecule/userdata/theirs.sh",
    "tests/benchmarks/plain.sh",
]
LINTERS: dict[str, list[str]] = {
    "ruff": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "shellcheck": ["shellcheck", *SHELL],
    "yamllint": ["yamllint", "--strict", "."],
    "ansible-lint": ["ansible-lint", "--offline", "--nocolor"],
}


@dataclass
class Count:
    """How many tests ended how, and how long they took (seconds)."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.seconds + other.seconds,
        )


@dataclass
class Run:
    """What was counted so far, by stage."""

    counts: dict[str, Count] = field(default_factory=dict)

    def ok(self, stage: str) -> bool:
        """Whether the stage ran and nothing failed in it."""
        return stage in self.counts and self.counts[stage].failed == 0


def lint() -> Count:
    """Each linter counts as one test."""
    count = Count()
    for name, command in LINTERS.items():
        print(f"--- {name}", flush=True)
        status = subprocess.run(
            [str(BIN / command[0]), *command[1:]], cwd=ROOT, check=False, env=environment()
        ).returncode
        count += Count(failed=1) if status else Count(passed=1)
    return count


def tests(*paths: str) -> Callable[[], Count]:
    """A stage that runs pytest on ``paths``."""
    return lambda: pytest(*paths)


def pytest(*paths: str) -> Count:
    """Run pytest and count from its JUnit file; a crash of pytest itself is one failure."""
    JUNIT.mkdir(parents=True, exist_ok=True)
    file = JUNIT / (paths[0].replace("/", "-") + ".xml")
    file.unlink(missing_ok=True)
    status = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--junitxml={file}", *paths],
        cwd=ROOT,
        env=environment(),
        check=False,
    ).returncode
    if not file.exists():
        return Count(failed=1)
    found = JUnitXml.fromfile(str(file))
    failed = found.failures + found.errors
    return Count(found.tests - failed - found.skipped, failed or int(status != 0), found.skipped)


def integration() -> Count:
    """The integration tests, with the packages that only they need, which go again."""
    with borrowed_packages("tests/packages.txt"):
        return pytest("tests/integration")


def browser() -> Count:
    """The pages, in the browser of this distribution."""
    with borrowed_packages("tests/browser/packages.txt"):
        return pytest("tests/browser")


def room() -> Count:
    """Six machines side by side, some of them in trouble."""
    with borrowed_packages("molecule/packages.txt"):
        return pytest("tests/e2e/test_room.py")


@contextmanager
def borrowed_packages(file: str) -> Iterator[None]:
    """The packages that ``file`` names installed; afterwards exactly what that added is removed."""
    lines = (ROOT / file).read_text().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    script = ROOT / "plugins/module_utils/lab_packages.py"
    program = [sys.executable, str(script), "--state", str(ROOT / ".cache" / "test-packages")]
    there = {path for path in BORROWED if path.exists()}
    subprocess.run([*program, "install", *names], check=True, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run([*program, "remove"], check=True, stdout=subprocess.DEVNULL)
        for path in BORROWED:
            if path not in there and path.exists():
                _remove(path)


def _remove(folder: Path) -> None:
    """Remove a network or a folder that borrowed programs made; podman binds parts of its own on
    themselves."""
    if folder.parent == NETWORKS:
        subprocess.run(["ip", "link", "delete", folder.name], check=True)
        return
    targets = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    for target in sorted((t for t in targets if Path(t).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", target], check=False)
    shutil.rmtree(folder)


def environment() -> dict[str, str]:
    """Tools of the test environment first, the machine's own after them."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": "scripts"}


def scenarios(names: Sequence[str]) -> Count:
    """Molecule's scenarios on fresh machines; all of them where ``names`` is empty."""
    for old in JUNIT.glob("molecule-*.xml"):
        old.unlink()
    with borrowed_packages("molecule/packages.txt"):
        status = subprocess.run(
            [sys.executable, "-m", "tests.scenarios", *names],
            cwd=ROOT,
            env=environment(),
            check=False,
        ).returncode
    count = Count()
    for file in JUNIT.glob("molecule-*.xml"):
        found = JUnitXml.fromfile(str(file))
        failed = found.failures + found.errors
        count += Count(found.tests - failed - found.skipped, failed, found.skipped)
    return count + Count(failed=int(status != 0 and count.failed == 0))


# The scenarios of every CI run; --all runs the others as well. Their times stand in the README.
CI_SCENARIOS = ("default", "adopt")
LONG = {"room"}  # stages that run with --all, or by their name
STAGES: dict[str, Callable[[], Count]] = {
    "lint": lint,
    "unit": tests("tests/unit"),
    "before": tests("tests/e2e/test_1_before.py"),
    "first": tests(
        "tests/e2e/test_2_first_run.py",
        "tests/e2e/test_2b_pull.py",
        "tests/e2e/test_2c_learning.py",
    ),
    "integration": integration,
    "browser": browser,
    "scenarios": lambda: scenarios(CI_SCENARIOS),
    "room": room,
    "faults": tests("tests/e2e/test_3_faults.py"),
    "leave": tests("tests/e2e/test_4_leave.py"),
}


def main(wanted: list[str]) -> int:
    """Run the stages; gives the exit status."""
    everything = "--all" in wanted
    if everything:
        wanted = [name for name in wanted if name != "--all"]
        STAGES["scenarios"] = lambda: scenarios([])
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        print(f"lab: no such stage: {unknown[0]}; there are: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    run = Run()
    for name, stage in STAGES.items():
        if name not in wanted and (wanted or (name in LONG and not everything)):
            continue
        print(f"=== {name}", flush=True)
        start = time.monotonic()
        try:
            run.counts[name] = stage()
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
            run.counts[name] = Count(failed=1)
        run.counts[name].seconds = time.monotonic() - start
    print()
    total = Count()
    for name, count in run.counts.items():
        total += count
        print(
            f"{name:<12} {count.passed:>5} passed {count.failed:>3} failed "
            f"{count.skipped:>3} skipped {count.seconds / 60:>6.1f} min"
        )
    print(f"{'':<12} {total.seconds / 60:.1f} min in all")
    print(
        f"{total.passed} passed, {total.failed} failed"
        + (f", {total.skipped} skipped" if total.skipped else "")
    )
    return int(total.failed > 0 or total.passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
