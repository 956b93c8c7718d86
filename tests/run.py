"""Everything CI runs, in order: ``./lab test [--all] [STAGE...]``.

The stages are STAGES below. "before" to "leave" take this machine from bare to proved and back; the
integration and browser tests run in between, on the engine that the lab installed. A stage that
fails does not keep the later ones from cleaning up.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from junitparser import JUnitXml

from tests import lint as linters
from tests.lint import environment
from tests.mutants import command as faults

ROOT = Path(__file__).resolve().parents[1]
# Made by podman, runc, crun and sshd when they run; no package removes them.
RUNTIME_DIRECTORIES = [
    Path(path)
    for path in ("/etc/cni", "/run/containers", "/run/crun", "/run/libpod", "/run/netns",
                 "/run/runc", "/run/sshd", "/var/lib/cni", "/var/lib/containers")
]  # fmt: skip
JUNIT = ROOT / "build" / "junit"


@dataclass
class Count:
    """Numbers of tests by result, and how long they took (seconds)."""

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


@dataclass(frozen=True)
class Stage:
    """One stage: ``run`` runs it and counts, ``paths`` are its files. An ``on_request`` one runs
    with --all or by its name only; by its name only without ``with_all``."""

    run: Callable[[], Count]
    paths: tuple[str, ...] = ()
    on_request: bool = False
    with_all: bool = True


def lint() -> Count:
    """Run each linter; each counts as one test."""
    count = Count()
    for name in linters.LINTERS:
        print(f"--- {name}", flush=True)
        count += Count(passed=1) if linters.passes(name) else Count(failed=1)
    return count


def pytest_stage(*paths: str, packages: str = "", on_request: bool = False) -> Stage:
    """A stage that runs pytest on ``paths``, with the packages that the file ``packages`` names."""

    def run() -> Count:
        with temporary_packages(packages) if packages else nullcontext():
            return pytest(*paths)

    return Stage(run, paths, on_request)


def pytest(*paths: str, **variables: str) -> Count:
    """Run pytest with environment ``variables`` and count from its JUnit file; a crash of pytest
    itself is one failure."""
    JUNIT.mkdir(parents=True, exist_ok=True)
    file = JUNIT / (paths[0].replace("/", "-") + ".xml")
    file.unlink(missing_ok=True)
    status = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--junitxml={file}", *paths],
        cwd=ROOT,
        env=environment() | variables,
        check=False,
    ).returncode
    if not file.exists():
        return Count(failed=1)
    count = counted(file)
    return count if count.failed or not status else count + Count(failed=1)


def counted(file: Path) -> Count:
    """The numbers in a JUnit file."""
    results = JUnitXml.fromfile(str(file))
    failed = results.failures + results.errors
    return Count(results.tests - failed - results.skipped, failed, results.skipped)


def unit() -> Count:
    """Run the unit tests. They start Python and Ansible many times: bytecode that is kept, outside
    the source tree, saves a third of their processor time."""
    bytecode = str(ROOT / ".cache" / "bytecode")
    return pytest("tests/unit", PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=bytecode)


def coverage() -> Count:
    """Run the judge's unit tests; they have to take every branch of the judge."""
    with tempfile.TemporaryDirectory() as directory:
        return pytest(
            "tests/unit/judge",
            "--cov=scratchlab.judge",
            "--cov-branch",
            "--cov-report=term-missing:skip-covered",
            "--cov-fail-under=100",
            COVERAGE_FILE=f"{directory}/coverage",
        )


def mutants() -> Count:
    """Put faults into the judge, one at a time: its unit tests have to notice."""
    return Count(failed=1) if faults.main([]) else Count(passed=1)


@contextmanager
def temporary_packages(file: str) -> Iterator[None]:
    """Install the packages that ``file`` names; afterwards remove exactly what that added."""
    lines = (ROOT / file).read_text().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    script = ROOT / "plugins/module_utils/lab_packages.py"
    program = [sys.executable, str(script), "--state", str(ROOT / ".cache" / "test-packages")]
    existing = {path for path in RUNTIME_DIRECTORIES if path.exists()}
    subprocess.run([*program, "install", *names], check=True, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run([*program, "remove"], check=True, stdout=subprocess.DEVNULL)
        for path in RUNTIME_DIRECTORIES:
            if path not in existing and path.exists():
                _remove(path)


def _remove(directory: Path) -> None:
    """Remove a directory and what is mounted in it: podman binds parts of its own directories on
    themselves."""
    targets = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    for target in sorted((t for t in targets if Path(t).is_relative_to(directory)), reverse=True):
        subprocess.run(["umount", "--lazy", target], check=False)
    shutil.rmtree(directory)


def scenarios(names: Sequence[str]) -> Count:
    """Run Molecule's scenarios on fresh machines; all of them when ``names`` is empty."""
    for old in JUNIT.glob("molecule-*.xml"):
        old.unlink()
    with temporary_packages("molecule/packages.txt"):
        status = subprocess.run(
            [sys.executable, "-m", "tests.scenarios", *names],
            cwd=ROOT,
            env=environment(),
            check=False,
        ).returncode
    count = Count()
    for file in JUNIT.glob("molecule-*.xml"):
        count += counted(file)
    return count + Count(failed=int(status != 0 and count.failed == 0))


# The scenarios of every CI run; --all runs the others as well. docs/measured.md lists their times.
CI_SCENARIOS = ("default", "adopt")
# In the order in which they run.
STAGES: dict[str, Stage] = {
    "lint": Stage(lint),
    "unit": Stage(unit, ("tests/unit",)),
    "coverage": Stage(coverage, on_request=True),
    "mutants": Stage(mutants, on_request=True, with_all=False),
    "before": pytest_stage("tests/e2e/test_1_before.py"),
    "first": pytest_stage(
        "tests/e2e/test_2_first_run.py",
        "tests/e2e/test_2b_pull.py",
        "tests/e2e/test_2c_learning.py",
    ),
    "documents": pytest_stage("tests/commands", "tests/unit/test_documents.py"),
    # With packages that only they need: other engines, this distribution's browser.
    "integration": pytest_stage("tests/integration", packages="tests/packages.txt"),
    "browser": pytest_stage("tests/browser", packages="tests/browser/packages.txt"),
    "scenarios": Stage(lambda: scenarios(CI_SCENARIOS), ("tests/scenarios.py",)),
    "room": pytest_stage(
        "tests/e2e/test_room.py", packages="molecule/packages.txt", on_request=True
    ),
    "cloud": pytest_stage(
        "tests/e2e/test_cloud.py", packages="molecule/packages.txt", on_request=True
    ),
    "faults": pytest_stage("tests/e2e/test_3_faults.py"),
    "leave": pytest_stage("tests/e2e/test_4_leave.py"),
}


def main(wanted: list[str]) -> int:
    """Run the stages named in ``wanted`` (none: all but those on request) and print the numbers of
    each; --all also runs every scenario. Returns the exit status."""
    everything = "--all" in wanted
    if everything:
        wanted = [name for name in wanted if name != "--all"]
        STAGES["scenarios"] = Stage(lambda: scenarios([]))
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        print(f"lab: no such stage: {unknown[0]}; stages: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    counts: dict[str, Count] = {}
    for name, stage in STAGES.items():
        left_out = stage.on_request and not (everything and stage.with_all)
        if name not in wanted and (wanted or left_out):
            continue
        print(f"=== {name}", flush=True)
        start = time.monotonic()
        try:
            counts[name] = stage.run()
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
            counts[name] = Count(failed=1)
        counts[name].seconds = time.monotonic() - start
    print()
    total = Count()
    for name, count in counts.items():
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
