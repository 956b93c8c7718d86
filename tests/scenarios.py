"""Run Molecule's scenarios one after another, and print a table of their results.

``python3 -m tests.scenarios [NAME...]``; all of them without names. Keeps the log and the JUnit
files of each, and of a failed one the state of its machines; never the machines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from junitparser import Failure, JUnitXml, TestCase, TestSuite
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
MOLECULE = [
    str(Path(sys.executable).with_name("molecule")),
    "--base-config",
    str(ROOT / ".config" / "molecule" / "config.yml"),
]
RESULTS = ROOT / "build" / "molecule"
JUNIT = ROOT / "build" / "junit"
LIMIT = 3600  # seconds for one scenario
# Run on the machines of a failed scenario.
DIAGNOSIS = (
    "systemctl --failed --no-pager; docker ps --all; podman ps --all; df -h /; "
    "journalctl --no-pager --lines 200; ls -lR /var/lib/scratchlab/receipts"
)


@dataclass(frozen=True)
class Step:
    """One step of Molecule: its name, its output, and whether it succeeded."""

    name: str
    text: str
    ok: bool


@dataclass(frozen=True)
class ScenarioResult:
    """The result of one scenario."""

    name: str
    ok: bool
    seconds: float
    machines: int
    engines: tuple[str, ...]
    tasks: int  # of the converge step, on all machines
    changed_again: int | None  # in the idempotence step; None if there was none
    experiments: tuple[int, int]  # passed, all
    proofs: tuple[int, int]  # tests without Ansible: passed, all
    failed_step: str = ""


def names() -> list[str]:
    """Names of all scenarios."""
    return sorted(file.parent.name for file in (ROOT / "molecule").glob("*/molecule.yml"))


def environment() -> dict[str, str]:
    """Variables that keep the files of Ansible and Molecule in this directory, and logs plain."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "MOLECULE_"))}
    return keep | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_HOME": str(ROOT / ".cache" / "ansible"),
        "XDG_CACHE_HOME": str(ROOT / ".cache"),
        "MOLECULE_COMMAND_BORDERS": "false",
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "160",
        "LC_ALL": "C.UTF-8",
    }


def molecule(*arguments: str, log: Path) -> int:
    """Run Molecule and append its output to ``log``; returns its exit status."""
    with open(log, "ab") as file:
        try:
            return subprocess.run(
                [*MOLECULE, *arguments],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=LIMIT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            file.write(f"\nnot finished after {LIMIT} s\n".encode())
            return 1


def run(name: str) -> ScenarioResult:
    """Run one scenario on new machines, and remove them also when it fails."""
    log = RESULTS / name / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    JUNIT.mkdir(parents=True, exist_ok=True)
    for old in [log, log.with_name("machines.txt"), *JUNIT.glob(f"molecule-{name}*.xml")]:
        old.unlink(missing_ok=True)
    start = time.monotonic()
    cleaning = RESULTS / name / "cleaning.txt"
    molecule("destroy", "-s", name, log=cleaning)
    try:
        status = molecule("test", "-s", name, "--destroy=never", log=log)
        if status:
            diagnose(name)
    finally:
        molecule("destroy", "-s", name, log=cleaning)
    text = log.read_text(errors="replace")
    result = judge(name, text, status, time.monotonic() - start)
    write_junit(result, steps(text))
    return result


def write_junit(result: ScenarioResult, done: Iterable[Step]) -> None:
    """Write a JUnit file with one test case for each step of the scenario."""
    suite = TestSuite(f"molecule {result.name}")
    for step in done:
        case = TestCase(step.name, classname=f"molecule.{result.name}")
        if not step.ok:
            case.result = [Failure(step.text[-4000:])]
        suite.add_testcase(case)
    if not result.ok and not suite.failures:
        case = TestCase(result.failed_step, classname=f"molecule.{result.name}")
        case.result = [Failure("the scenario did not start; see its log")]
        suite.add_testcase(case)
    file = JUnitXml()
    file.add_testsuite(suite)
    file.write(str(JUNIT / f"molecule-{result.name}.xml"))


def diagnose(name: str) -> None:
    """Save the state of the machines of a failed scenario."""
    inventory = ROOT / "molecule" / name / "inventory"
    with open(RESULTS / name / "machines.txt", "wb") as file:
        subprocess.run(
            ["ansible", "all", "-i", str(inventory), "-b", "-m", "raw", "-a", DIAGNOSIS],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )


def steps(log: str) -> Iterator[Step]:
    """The steps in a log of Molecule."""
    parts = re.split(r"^INFO +\[\S+ > (.+?)\] Executing$", log, flags=re.M)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        # Molecule calls a step without tests successful.
        failed = "Executed: Failed" in text or "no tests found" in text
        yield Step(name, text, not failed)


def recap(text: str) -> dict[str, dict[str, int]]:
    """The sum of Ansible's recaps in ``text``: by host, the counts by name."""
    recaps: dict[str, dict[str, int]] = {}
    for host, counts in re.findall(r"^(\S+)\s+: (ok=.*)$", text, re.M):
        sums = recaps.setdefault(host, {})
        for key, value in re.findall(r"(\w+)=(\d+)", counts):
            sums[key] = sums.get(key, 0) + int(value)
    return recaps


def total(recaps: dict[str, dict[str, int]], key: str) -> int:
    """One count over all hosts."""
    return sum(counts.get(key, 0) for counts in recaps.values())


def judge(name: str, log: str, status: int, seconds: float) -> ScenarioResult:
    """The result of a scenario from its log, its exit status and its JUnit files."""
    by_name = {step.name: step for step in steps(log)}
    converged = recap(by_name["converge"].text) if "converge" in by_name else {}
    again = by_name.get("idempotence")
    verdicts = re.findall(
        r"(\d+) of (\d+) checks passed", by_name["converge"].text if converged else ""
    )
    passed, tests, engines = proofs(JUNIT.glob(f"molecule-{name}-*.xml"))
    bad = [step.name for step in by_name.values() if not step.ok]
    if not bad and (status or tests == 0):
        bad = ["start" if status else "verify: it has no tests"]
    return ScenarioResult(
        name=name,
        ok=not bad,
        seconds=seconds,
        machines=len(converged),
        engines=engines,
        tasks=total(converged, "ok"),
        changed_again=total(recap(again.text), "changed") if again else None,
        experiments=(sum(int(p) for p, _ in verdicts), sum(int(a) for _, a in verdicts)),
        proofs=(passed, tests),
        failed_step=bad[0] if bad else "",
    )


def proofs(files: Iterable[Path]) -> tuple[int, int, tuple[str, ...]]:
    """The numbers of passed and of all tests, and the engines that they ran on."""
    passed = tests = 0
    engines: set[str] = set()
    for file in files:
        suites = JUnitXml.fromfile(str(file))
        tests += suites.tests
        passed += suites.tests - suites.failures - suites.errors - suites.skipped
        engines |= set(re.findall(r'name="engine" value="([^"]+)"', file.read_text()))
    return passed, tests, tuple(sorted(engines))


def table(results: list[ScenarioResult]) -> Table:
    """The summary."""
    summary = Table(
        "scenario", "machines", "engine", "tasks", "changed again", "checks", "proofs", "minutes"
    )
    for result in results:
        again = "-" if result.changed_again is None else str(result.changed_again)
        summary.add_row(
            result.name if result.ok else f"{result.name}: FAILED in {result.failed_step}",
            str(result.machines),
            ", ".join(result.engines),
            str(result.tasks),
            again,
            "{} of {}".format(*result.experiments) if result.experiments[1] else "-",
            "{} of {}".format(*result.proofs),
            f"{result.seconds / 60:.1f}",
        )
    return summary


def run_all(wanted: list[str]) -> list[ScenarioResult]:
    """Run scenarios and print the table; of a failed one also the end of its log."""
    results = []
    for name in wanted:
        print(f"--- scenario {name}", flush=True)
        results.append(run(name))
        if not results[-1].ok:
            log = RESULTS / name / "log.txt"
            print("\n".join(log.read_text(errors="replace").splitlines()[-80:]))
            print(f"--- the whole log: {log}", flush=True)
    Console(width=140).print(table(results))
    return results


if __name__ == "__main__":
    sys.exit(int(not all(result.ok for result in run_all(sys.argv[1:] or names()))))
