"""Time of the lab on a bare machine compared with a shell script; of a second run, with a ping.

``python3 -m tests.benchmarks.provisioning [--rounds N] [--suite SUITE]``. Each round starts two new
system containers: plain.sh runs on one, the lab on the other, over the same kind of connection.
Then the lab runs once more, and ``ansible -m ping`` after it. Prints ratios of medians; goals: at
most 1.15 for the first run, at most 10 for the second. Each ratio is printed for the whole run, and
for the part before the proof, which has no counterpart in the script. Needs Molecule's environment,
an engine and root.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from machines.debian import RELEASES
from tests.benchmarks import keeping_bytecode
from tests.machines.fresh import Fresh
from tests.scenarios import ROOT, environment

PLAIN = Path(__file__).with_name("plain.sh")
FILES = ROOT / "roles" / "scratch_images" / "files"
PROOF = b"PLAY [Prove"  # where the part begins that the script does not have
FIRST_GOAL = 1.15
SECOND_GOAL = 10.0
PINGS = 5
MACHINES = Fresh("cost")


@contextmanager
def machine(name: str, suite: str) -> Iterator[Path]:
    """A bare machine; yields its inventory, and removes the machine afterwards."""
    directory = ROOT / "build" / "benchmarks" / name
    directory.mkdir(parents=True, exist_ok=True)
    inventory = directory / "hosts.json"
    MACHINES.down()
    MACHINES.up({name: suite})
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
            if line.startswith(PROOF):
                before_proof = time.monotonic() - start
    whole = time.monotonic() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Duration(whole, before_proof or whole)


def plain(number: int, suite: str) -> float:
    """Seconds of the shell script on a bare machine."""
    name = f"plain-{number}"
    with machine(name, suite) as inventory:
        command = MACHINES.command(name, "sudo", "sh", "-c", PLAIN.read_text())
        return timed(command, inventory.with_name("log.txt"), sources()).whole


def sources() -> bytes:
    """The directories of both programs, as a tar."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in ("sleep", "limits"):
            tar.add(FILES / name, name)
    return content.getvalue()


def lab(number: int, suite: str) -> tuple[Duration, Duration, list[float]]:
    """Durations of the lab on a bare machine and of a second run, and seconds of pings."""
    with machine(f"lab-{number}", suite) as inventory:
        run = ["ansible-playbook", "-i", str(inventory), "lab.yml"]
        first = timed(run, inventory.with_name("first.txt"))
        second = timed(run, inventory.with_name("second.txt"))
        ping = ["ansible", "all", "-i", str(inventory), "-m", "ansible.builtin.ping"]
        pings = [timed(ping, inventory.with_name("ping.txt")).whole for _ in range(PINGS)]
        return first, second, pings


def ratios(title: str, times: Sequence[Duration], base: Sequence[float], goal: float) -> bool:
    """Print both ratios of medians; returns whether that of the whole meets the goal."""
    whole = median(duration.whole for duration in times) / median(base)
    without = median(duration.before_proof for duration in times) / median(base)
    print(f"{title}: {whole:.2f} x (goal {goal:g}); without the proof {without:.2f} x")
    return whole <= goal


def main() -> int:
    """Measure and print; returns exit status 0 when both goals are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--suite", choices=sorted(RELEASES), default="bookworm")
    options = parser.parse_args()
    scripts: list[float] = []
    firsts: list[Duration] = []
    seconds: list[Duration] = []
    pings: list[float] = []
    for number in range(options.rounds):
        scripts.append(plain(number, options.suite))
        first, second, new_pings = lab(number, options.suite)
        firsts.append(first)
        seconds.append(second)
        pings += new_pings
        print(
            f"round {number + 1}: script {scripts[-1]:.1f} s, "
            f"lab {first.whole:.1f} s (before the proof {first.before_proof:.1f}), "
            f"again {second.whole:.1f} s ({second.before_proof:.1f}), "
            f"ping {median(new_pings):.2f} s",
            flush=True,
        )
    fresh = ratios("first run / script", firsts, scripts, FIRST_GOAL)
    again = ratios("second run / ping", seconds, pings, SECOND_GOAL)
    return int(not (fresh and again))


if __name__ == "__main__":
    sys.exit(main())
