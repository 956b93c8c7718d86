"""What the lab costs: on a bare machine against a shell script, and again against a ping.

``python3 -m tests.benchmarks.provisioning [--rounds N] [--suite SUITE]``. Each round takes two new
system containers: on one plain.sh runs, on the other the lab, in turns, over the same connection.
Then the lab runs once more, and ``ansible -m ping`` after it. Ratios are of medians; goals: at most
1.15 for the first run, at most 10 for the second. Each is given for the whole, and for the part
before the proof, which is what the script does as well. Needs Molecule's environment, an engine
and root.
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

from tests.benchmarks import keeping_bytecode
from tests.machines.base import RELEASES
from tests.machines.container import KEY, down, up
from tests.scenarios import ROOT, environment

PLAIN = Path(__file__).with_name("plain.sh")
FILES = ROOT / "roles" / "scratch_images" / "files"
PROOF = b"PLAY [Prove"  # where the lab begins what the script has not
FIRST_GOAL = 1.15
SECOND_GOAL = 10.0
PINGS = 5


@contextmanager
def machine(name: str, suite: str) -> Iterator[Path]:
    """A bare machine; gives the inventory to reach it. It is gone after the block."""
    place = ROOT / "build" / "benchmarks" / name
    place.mkdir(parents=True, exist_ok=True)
    inventory = place / "hosts.json"
    proxy = f"docker exec --interactive --user root {name} /usr/sbin/sshd -i"
    host = {
        "ansible_user": "student",
        "ansible_ssh_private_key_file": str(KEY),
        "ansible_ssh_common_args": f"-o ProxyCommand='{proxy}' -o IdentitiesOnly=yes "
        "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        "rootfs_verification_reports": str(place),
    }
    inventory.write_text(json.dumps({"all": {"hosts": {name: host}}}))
    down(name)
    up(name, suite)
    try:
        yield inventory
    finally:
        down(name)


@dataclass(frozen=True)
class Took:
    """Seconds of a command: all of it, and until it announced the proof."""

    whole: float
    work: float


def timed(command: Sequence[str], log: Path, stdin: bytes = b"") -> Took:
    """Time a command; raises CalledProcessError when it fails, its log stays."""
    start, work = time.monotonic(), 0.0
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
                work = time.monotonic() - start
    whole = time.monotonic() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Took(whole, work or whole)


def plain(number: int, suite: str) -> float:
    """The shell script on a bare machine."""
    name = f"scratchlab-cost-plain-{number}"
    with machine(name, suite) as inventory:
        host = json.loads(inventory.read_text())["all"]["hosts"][name]
        ssh = ["ssh", "-i", host["ansible_ssh_private_key_file"]]
        options = host["ansible_ssh_common_args"].split("-o ")[1:]
        for option in options:
            ssh += ["-o", option.strip().replace("'", "")]
        command = [*ssh, f"student@{name}", "sudo", "sh", "-c", f"'{script()}'"]
        return timed(command, inventory.with_name("log.txt"), sources()).whole


def sources() -> bytes:
    """The directories of both programs, as a tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("sleep", "limits"):
            tar.add(FILES / name, name)
    return packed.getvalue()


def script() -> str:
    """plain.sh, to be put between single quotes."""
    return PLAIN.read_text().replace("'", "'\\''")


def lab(number: int, suite: str) -> tuple[Took, Took, list[float]]:
    """The lab on a bare machine, again, and pings."""
    with machine(f"scratchlab-cost-lab-{number}", suite) as inventory:
        run = ["ansible-playbook", "-i", str(inventory), "lab.yml"]
        first = timed(run, inventory.with_name("first.txt"))
        second = timed(run, inventory.with_name("second.txt"))
        ping = ["ansible", "all", "-i", str(inventory), "-m", "ansible.builtin.ping"]
        pings = [timed(ping, inventory.with_name("ping.txt")).whole for _ in range(PINGS)]
        return first, second, pings


def ratios(what: str, times: Sequence[Took], base: Sequence[float], goal: float) -> bool:
    """Print both ratios of medians; gives whether the whole meets the goal."""
    whole = median(one.whole for one in times) / median(base)
    work = median(one.work for one in times) / median(base)
    print(f"{what}: {whole:.2f} x (goal {goal:g}); without the proof {work:.2f} x")
    return whole <= goal


def main() -> int:
    """Measure and print; the exit status says whether both goals were met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--suite", choices=sorted(RELEASES), default="bookworm")
    options = parser.parse_args()
    scripts: list[float] = []
    firsts: list[Took] = []
    seconds: list[Took] = []
    pings: list[float] = []
    for number in range(options.rounds):
        scripts.append(plain(number, options.suite))
        first, second, more = lab(number, options.suite)
        firsts.append(first)
        seconds.append(second)
        pings += more
        print(
            f"round {number + 1}: script {scripts[-1]:.1f} s, "
            f"lab {first.whole:.1f} s (before the proof {first.work:.1f}), "
            f"again {second.whole:.1f} s ({second.work:.1f}), ping {median(more):.2f} s",
            flush=True,
        )
    fresh = ratios("fresh, by the script", firsts, scripts, FIRST_GOAL)
    again = ratios("again, by a ping", seconds, pings, SECOND_GOAL)
    return int(not (fresh and again))


if __name__ == "__main__":
    sys.exit(main())
