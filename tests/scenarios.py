"""Molecule's scenarios, one after another, and a table of what they showed.

``python3 -m tests.scenarios [NAME...]``; all of them without names. Of each stay its log, its JUnit
files and, when it failed, what its machines had to say; never the machines themselves.
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

from tests.machines.container import forget

ROOT = Path(__file__).resolve().parents[1]
MOLECULE = [
    str(Path(sys.executable).with_name("molecule")),
    "--base-config",
    str(ROOT / ".config" / "molecule" / "config.yml"),
]
RESULTS = ROOT / "build" / "molecule"
JUNIT = ROOT / "build" / "junit"
LIMIT = 3600  # seconds for one scenario
# What a machine says of itself when its scenario failed.
POST_MORTEM = (
    "systemctl --failed --no-pager; docker ps --all; podman ps --all; df -h /; "
    "journalctl --no-pager --lines 200; ls -lR /var/lib/scratchlab/receipts"
)


@dataclass(frozen=True)
class Step:
    """One step of Molecule's: its name with arguments, what it printed, whether it succeeded."""

    name: str
    text: str
    ok: bool


@dataclass(frozen=True)
class Outcome:
    """What one scenario showed."""

    name: str
    ok: bool
    seconds: float
    machines: int
    engines: tuple[str, ...]
    tasks: int  # of the converge step, over all machines
    changed_again: int | None  # by the idempotence step; None where there was none
    experiments: tuple[int, int]  # checks that passed, and all
    proofs: tuple[int, int]  # tests from outside that passed, and all
    failed_step: str = ""


def names() -> list[str]:
    """All scenarios."""
    return sorted(file.parent.name for file in (ROOT / "molecule").glob("*/molecule.yml"))


def environment() -> dict[str, str]:
    """Ansible's and Molecule's files stay in this folder; logs are plain text."""
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
    """Run Molecule, its output appended to ``log``; gives its exit status."""
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


def run(name: str) -> Outcome:
    """Run one scenario from nothing to nothing; a failure leaves logs, and no machines."""
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
            ask_machines(name)
    finally:
        molecule("destroy", "-s", name, log=cleaning)
    said = log.read_text(errors="replace")
    outcome = judge(name, said, status, time.monotonic() - start)
    write_junit(outcome, steps(said))
    return outcome


def write_junit(outcome: Outcome, done: Iterable[Step]) -> None:
    """One test case for each step of the scenario."""
    suite = TestSuite(f"molecule {outcome.name}")
    for step in done:
        case = TestCase(step.name, classname=f"molecule.{outcome.name}")
        if not step.ok:
            case.result = [Failure(step.text[-4000:])]
        suite.add_testcase(case)
    if not outcome.ok and not suite.failures:
        case = TestCase(outcome.failed_step, classname=f"molecule.{outcome.name}")
        case.result = [Failure("the scenario did not start; its log says why")]
        suite.add_testcase(case)
    file = JUnitXml()
    file.add_testsuite(suite)
    file.write(str(JUNIT / f"molecule-{outcome.name}.xml"))


def ask_machines(name: str) -> None:
    """Keep what the machines of a failed scenario say."""
    inventory = ROOT / "molecule" / name / "inventory"
    with open(RESULTS / name / "machines.txt", "wb") as file:
        subprocess.run(
            ["ansible", "all", "-i", str(inventory), "-b", "-m", "raw", "-a", POST_MORTEM],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )


def steps(log: str) -> Iterator[Step]:
    """Take Molecule's log apart."""
    parts = re.split(r"^INFO +\[\S+ > (.+?)\] Executing$", log, flags=re.M)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        # Molecule calls a step without tests successful.
        failed = "Executed: Failed" in text or "no tests found" in text
        yield Step(name, text, not failed)


def recap(text: str) -> dict[str, dict[str, int]]:
    """Ansible's recaps in ``text`` added up: counts by name, by host."""
    found: dict[str, dict[str, int]] = {}
    for host, counts in re.findall(r"^(\S+)\s+: (ok=.*)$", text, re.M):
        sums = found.setdefault(host, {})
        for key, value in re.findall(r"(\w+)=(\d+)", counts):
            sums[key] = sums.get(key, 0) + int(value)
    return found


def total(recaps: dict[str, dict[str, int]], key: str) -> int:
    """One count over all hosts."""
    return sum(counts.get(key, 0) for counts in recaps.values())


def judge(name: str, log: str, status: int, seconds: float) -> Outcome:
    """What the log and the JUnit files of a scenario say."""
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
    return Outcome(
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
    """Tests that passed, all tests, and the engines that they met."""
    passed = tests = 0
    engines: set[str] = set()
    for file in files:
        found = JUnitXml.fromfile(str(file))
        tests += found.tests
        passed += found.tests - found.failures - found.errors - found.skipped
        engines |= set(re.findall(r'name="engine" value="([^"]+)"', file.read_text()))
    return passed, tests, tuple(sorted(engines))


def table(outcomes: list[Outcome]) -> Table:
    """The summary."""
    shown = Table(
        "scenario", "machines", "engine", "tasks", "changed again", "checks", "proofs", "minutes"
    )
    for one in outcomes:
        again = "-" if one.changed_again is None else str(one.changed_again)
        shown.add_row(
            one.name if one.ok else f"{one.name}: FAILED in {one.failed_step}",
            str(one.machines),
            ", ".join(one.engines),
            str(one.tasks),
            again,
            "{} of {}".format(*one.experiments) if one.experiments[1] else "-",
            "{} of {}".format(*one.proofs),
            f"{one.seconds / 60:.1f}",
        )
    return shown


def run_all(wanted: list[str]) -> list[Outcome]:
    """Run scenarios and print the table; of failed ones also the end of the log."""
    outcomes = []
    for name in wanted:
        print(f"--- scenario {name}", flush=True)
        outcomes.append(run(name))
        if not outcomes[-1].ok:
            log = RESULTS / name / "log.txt"
            print("\n".join(log.read_text(errors="replace").splitlines()[-80:]))
            print(f"--- the whole log: {log}", flush=True)
    forget()
    Console(width=140).print(table(outcomes))
    return outcomes


if __name__ == "__main__":
    sys.exit(int(not all(outcome.ok for outcome in run_all(sys.argv[1:] or names()))))
