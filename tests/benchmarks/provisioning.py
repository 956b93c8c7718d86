"""Time of the lab on a bare machine, against a shell script; of a second run, against a ping.

Each run starts two new system containers: plain.sh runs on one, the lab on the other, over the
same kind of connection. Then the lab runs once more, ``ansible -m ping`` after it, on the machine
the experiments alone, and playbooks of tasks that do nothing: as many as both runs had, and as the
first one had before its proof. With the script and the experiments these are the floor. Each time
is taken of the whole run, and of the part before the proof, which has no counterpart in the script.
Needs Molecule's environment, an engine and root.
"""

from __future__ import annotations

import io
import json
import math
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.benchmarks import keeping_bytecode
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.idle import (
    MODULES_AGAIN,
    MODULES_BEFORE,
    MODULES_FIRST,
    Tasks,
    tasks_before,
    tasks_of,
)
from tests.machines.fresh import Fresh
from tests.scenarios import ROOT, environment

PLAIN = Path(__file__).with_name("plain.sh")
FILES = ROOT / "roles" / "scratch_images" / "files"
PROOF = "PLAY [Prove"  # where the part begins that the script does not have
# As in the lab, the command of each one is typed, too.
EXPERIMENTS = (
    "sudo", "scratchlab", "experiments", "--outputs",
    "--binary", "/var/lib/scratchlab/build/sleep/sleep",
)  # fmt: skip
SUITE = "bookworm"
PINGS = 5
MACHINES = Fresh("cost")


@contextmanager
def machine(name: str) -> Iterator[Path]:
    """A bare machine; yields its inventory, and removes the machine afterwards."""
    directory = ROOT / "build" / "benchmarks" / name
    directory.mkdir(parents=True, exist_ok=True)
    inventory = directory / "hosts.json"
    MACHINES.down()
    MACHINES.up({name: SUITE})
    host = MACHINES.variables(name) | {"rootfs_verification_reports": str(directory)}
    inventory.write_text(json.dumps({"all": {"hosts": {name: host}}}))
    try:
        yield inventory
    finally:
        MACHINES.down()


@dataclass(frozen=True)
class Duration:
    """Seconds of a command: of the whole, and until it announced the proof."""

    whole: float
    before_proof: float


def timed(command: Sequence[str], log: Path, stdin: bytes = b"") -> Duration:
    """Time a command and keep its output in ``log``; raises CalledProcessError when it fails."""
    start, before_proof = time.monotonic(), 0.0
    with (
        open(log, "wb") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=keeping_bytecode(environment()),
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(stdin)
        process.stdin.close()
        for line in process.stdout:
            file.write(line)
            if line.startswith(PROOF.encode()):
                before_proof = time.monotonic() - start
    whole = time.monotonic() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Duration(whole, before_proof or whole)


def plain(number: int) -> float:
    """Seconds of the shell script on a bare machine."""
    name = f"plain-{number}"
    with machine(name) as inventory:
        command = MACHINES.command(name, "sudo", "sh", "-c", PLAIN.read_text())
        return timed(command, inventory.with_name("log.txt"), sources()).whole


def sources() -> bytes:
    """The directories of both programs, as a tar."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in ("sleep", "limits"):
            tar.add(FILES / name, name)
    return content.getvalue()


class Lab(NamedTuple):
    """Durations of the lab on a bare machine and of a second run; seconds of the experiments alone,
    started there, of idle tasks, and of pings. The idle tasks are as many as the first run had, as
    it had before the proof, and as the second run had.
    """

    first: Duration
    second: Duration
    proof: float
    idle_first: float
    idle_before: float
    idle_again: float
    pings: list[float]


def lab(number: int) -> Lab:
    """The lab on one bare machine."""
    name = f"lab-{number}"
    with machine(name) as inventory:
        run = ["ansible-playbook", "-i", str(inventory), "lab.yml"]
        first = timed(run, inventory.with_name("first.txt"))
        second = timed(run, inventory.with_name("second.txt"))
        ping = ["ansible", "all", "-i", str(inventory), "-m", "ansible.builtin.ping"]
        pings = [timed(ping, inventory.with_name("ping.txt")).whole for _ in range(PINGS)]
        experiments = MACHINES.command(name, *EXPERIMENTS)
        proof = timed(experiments, inventory.with_name("proof.txt")).whole
        log, again = inventory.with_name("first.txt"), inventory.with_name("second.txt")
        return Lab(
            first,
            second,
            proof,
            idle_first=timed_idle(inventory, tasks_of(log, name), MODULES_FIRST),
            idle_before=timed_idle(inventory, tasks_before(log, name, PROOF), MODULES_BEFORE),
            idle_again=timed_idle(inventory, tasks_of(again, name), MODULES_AGAIN),
            pings=pings,
        )


def timed_idle(inventory: Path, tasks: Tasks, modules: int) -> float:
    """Seconds of as many tasks, ``modules`` of which send a module, and none does anything."""
    playbook = inventory.with_name("idle.yml")
    playbook.write_text(tasks.playbook(modules))
    command = ["ansible-playbook", "-i", str(inventory), str(playbook)]
    return timed(command, inventory.with_name("idle.txt")).whole


def provisioning(runs: int) -> Iterator[Comparison]:
    """A bare machine, and the same machine again."""
    scripts, labs = [], []
    for number in range(runs):
        scripts.append(plain(number))
        labs.append(lab(number))
    firsts, seconds = [one.first for one in labs], [one.second for one in labs]
    pings, proofs = [ping for one in labs for ping in one.pings], [one.proof for one in labs]
    script, ping = "a shell script of the same work", "ansible -m ping"
    yield _compared("./lab on a bare machine", [one.whole for one in firsts], script, scripts, 1.3)
    yield _compared(
        "the part before the proof", [one.before_proof for one in firsts], script, scripts, 1.1
    )
    yield _compared("./lab again", [one.whole for one in seconds], ping, pings, 8)
    yield _compared("the part before the proof", [one.before_proof for one in seconds], ping, pings)
    yield _compared("the experiments alone, by hand", proofs, ping, pings)
    floor = "the script, as many idle tasks"
    floors = [hand + one.idle_before for hand, one in zip(scripts, labs, strict=True)]
    yield _compared(floor, floors, script, scripts)
    floor = "the script, as many idle tasks, the experiments"
    floors = [hand + one.idle_first + one.proof for hand, one in zip(scripts, labs, strict=True)]
    yield _compared(floor, floors, script, scripts)
    yield _compared("./lab on a bare machine", [one.whole for one in firsts], floor, floors)
    floor = "as many idle tasks, the experiments"
    floors = [one.idle_again + one.proof for one in labs]
    yield _compared(floor, floors, ping, pings)
    yield _compared("./lab again", [one.whole for one in seconds], floor, floors)


def _compared(
    what: str, times: Sequence[float], against: str, others: Sequence[float], goal: float = math.inf
) -> Comparison:
    spread = min(times), max(times)
    return Comparison(what, median(times), against, median(others), goal, spread=spread)
