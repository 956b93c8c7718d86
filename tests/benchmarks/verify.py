"""How long a full verification takes, against what a person would pipe together by hand.

    python -m tests.benchmarks.verify [--runs N] [--suite NAME] [--mirror URL] [--container NAME]

``--container``: measure that running container instead of a Debian that is debootstrapped here.

Needs root, a Docker engine, debootstrap and busybox-static; leaves nothing. Times are medians of
runs that take turns, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import subjects

ROOT = Path(__file__).resolve().parents[2]
_PEAK = """
import os, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


@dataclass
class Times:
    """Seconds by the clock and of the processor, one for each run."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: int = 0  # MiB

    @property
    def median(self) -> float:
        """By the clock."""
        return statistics.median(self.wall)


def measure(ways: dict[str, str], runs: int) -> dict[str, Times]:
    """Run each shell command ``runs`` times, taking turns, after one run that warms the caches."""
    found = {name: Times() for name in ways}
    for number in range(runs + 1):
        for name, command in ways.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.monotonic()
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            wall = time.monotonic() - start
            # 1: what differs was found, which is an answer (tar --compare sees Docker's files).
            if done.returncode not in (0, 1):
                raise SystemExit(f"{command}\nended with {done.returncode}: {done.stderr}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if number:
                spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                found[name].wall.append(wall)
                found[name].processor.append(spent)
            last = done.stderr.split()[-1:]
            if name.startswith("verify") and last and last[0].isdigit():
                found[name].peak = max(found[name].peak, int(last[0]) // 1024)
    return found


def ways(scratchlab: str, container: str) -> dict[str, str]:
    """The commands by name."""
    pid, image = told("inspect", "-f", "{{.State.Pid}} {{.Config.Image}}", container)
    layers = told("image", "inspect", "-f", '{{join .RootFS.Layers " "}}', image)
    (version,) = told("version", "-f", "{{.Server.Version}}")
    # Docker 25 and later write an OCI layout: layers by their digests.
    names = [one.replace("sha256:", "blobs/sha256/") for one in layers]
    inside = shlex.join(names) if int(version.split(".")[0]) >= 25 else "--wildcards '*/layer.tar'"
    # A program that measures, and is small itself: ru_maxrss counts what there was before exec.
    verify = [sys.executable, "-c", _PEAK, sys.executable, scratchlab, "verify", container]
    return {
        "verify --fresh": shlex.join([*verify, "--fresh"]),
        "verify": shlex.join(verify),
        "save | sha256sum": f"docker save {image} | sha256sum",
        "save | tar --compare": (
            f"docker save {image} | tar -xO -f - {inside} | tar -i --compare -f -"
            f" -C /proc/{pid}/root/"
        ),
        "docker diff": f"docker diff {container}",
    }


def told(*words: str) -> list[str]:
    """The words that docker prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout.split()


@contextmanager
def zipapp() -> Iterator[str]:
    """scratchlab as hosts get it: one file."""
    with tempfile.TemporaryDirectory(prefix="scratchlab-") as directory:
        path = f"{directory}/scratchlab"
        command = [sys.executable, str(ROOT / "scripts/build_zipapp.py"), path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield path


def row(title: str, times: Times, *own: Times) -> None:
    """One line of the table, with the ratios of ``own`` to it."""
    ratio = " ".join(f"{one.median / times.median:9.2f} x" for one in own)
    spread = f"{min(times.wall):.2f} to {max(times.wall):.2f}"
    processor = statistics.median(times.processor)
    print(f"{title:32} {times.median:8.2f} s {spread:>16} {processor:8.2f} s {ratio}", flush=True)


def head(title: str) -> None:
    """The head of a table."""
    print(f"\n{title}")
    print(f"{'':32} {'median':>10} {'from, to':>16} {'processor':>10}", end=" ")
    print(f"{'--fresh is':>11} {'kept is':>11}")


def compared(title: str, scratchlab: str, container: str, runs: int) -> Times:
    """Measure and print one container; gives the times of verify --fresh."""
    found = measure(ways(scratchlab, container), runs)
    head(title)
    fresh, kept = found.pop("verify --fresh"), found.pop("verify")
    row("scratchlab verify --fresh", fresh)
    row("scratchlab verify, image kept", kept)
    for name, times in found.items():
        row(name, times, fresh, kept)
    print(f"{'peak memory':32} {max(fresh.peak, kept.peak):8d} MiB")
    return fresh


def main() -> None:
    """Measure everything and print the tables."""
    words = argparse.ArgumentParser(prog="python -m tests.benchmarks.verify")
    words.add_argument("--runs", type=int, default=5)
    words.add_argument("--suite", default="bookworm")
    words.add_argument("--mirror")
    words.add_argument("--files", type=int, default=11_000)
    words.add_argument("--container")
    chosen = words.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {chosen.runs} runs each")
    with zipapp() as scratchlab:
        with subjects.program() as container:
            compared("one program, FROM scratch", scratchlab, container, chosen.runs)
        if chosen.container:
            compared(chosen.container, scratchlab, chosen.container, chosen.runs)
        else:
            with subjects.debian(chosen.suite, chosen.mirror) as container:
                compared(f"Debian {chosen.suite}", scratchlab, container, chosen.runs)
        with subjects.files(chosen.files) as container:
            one = compared(f"{chosen.files:,} entries", scratchlab, container, chosen.runs)
        with subjects.files(10 * chosen.files) as container:
            ten = compared(f"{10 * chosen.files:,} entries", scratchlab, container, chosen.runs)
    cost = statistics.median(ten.processor) / statistics.median(one.processor)
    print(
        f"\nten times the entries: {ten.median / one.median:.1f} times the time, {cost:.1f} times"
    )
    print(f"the processor, {ten.peak} MiB instead of {one.peak}; load now {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
