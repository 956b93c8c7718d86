"""Time of a full verification, compared with pipelines that a person would type.

    python -m tests.benchmarks.verify [--runs N] [--suite NAME] [--mirror URL] [--container NAME]

``--container``: measure that running container instead of a debootstrapped Debian.

Needs root, a Docker engine, debootstrap and busybox-static; leaves nothing. Times are medians of
runs in turns, so that other load on the machine affects all alike.
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
    """Wall and processor seconds of each run."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: int = 0  # MiB

    @property
    def median(self) -> float:
        """Median of the wall seconds."""
        return statistics.median(self.wall)


def measure(commands: dict[str, str], runs: int) -> dict[str, Times]:
    """Run each shell command ``runs`` times, in turns, after one run that warms the caches."""
    times = {name: Times() for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.monotonic()
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            wall = time.monotonic() - start
            # 1 means differences, which is a result: tar --compare finds Docker's files.
            if done.returncode not in (0, 1):
                raise SystemExit(f"{command}\nended with {done.returncode}: {done.stderr}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if number:
                spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                times[name].wall.append(wall)
                times[name].processor.append(spent)
            last = done.stderr.split()[-1:]
            if name.startswith("verify") and last and last[0].isdigit():
                times[name].peak = max(times[name].peak, int(last[0]) // 1024)
    return times


def commands(scratchlab: str, container: str) -> dict[str, str]:
    """The shell commands by name."""
    pid, image = docker("inspect", "-f", "{{.State.Pid}} {{.Config.Image}}", container)
    layers = docker("image", "inspect", "-f", '{{join .RootFS.Layers " "}}', image)
    (version,) = docker("version", "-f", "{{.Server.Version}}")
    # Docker 25 and later write an OCI layout, in which layers have their digests as names.
    names = [layer.replace("sha256:", "blobs/sha256/") for layer in layers]
    inside = shlex.join(names) if int(version.split(".")[0]) >= 25 else "--wildcards '*/layer.tar'"
    # Through a small program: ru_maxrss includes the memory of the process before exec.
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


def docker(*arguments: str) -> list[str]:
    """The output of a docker command, split at white space."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


@contextmanager
def zipapp() -> Iterator[str]:
    """The scratchlab zipapp, as the lab installs it; yields its path."""
    with tempfile.TemporaryDirectory(prefix="scratchlab-") as directory:
        path = f"{directory}/scratchlab"
        command = [sys.executable, str(ROOT / "scripts/build_zipapp.py"), path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield path


def row(title: str, times: Times, *verifications: Times) -> None:
    """Print one line of the table, with the ratio of each verification to ``times``."""
    ratio = " ".join(
        f"{verification.median / times.median:9.2f} x" for verification in verifications
    )
    spread = f"{min(times.wall):.2f} to {max(times.wall):.2f}"
    processor = statistics.median(times.processor)
    print(f"{title:32} {times.median:8.2f} s {spread:>16} {processor:8.2f} s {ratio}", flush=True)


def head(title: str) -> None:
    """Print the head of a table."""
    print(f"\n{title}")
    print(f"{'':32} {'median':>10} {'from, to':>16} {'processor':>10}", end=" ")
    print(f"{'--fresh is':>11} {'kept is':>11}")


def compare(title: str, scratchlab: str, container: str, runs: int) -> Times:
    """Measure and print one container; returns the times of verify --fresh."""
    measured = measure(commands(scratchlab, container), runs)
    head(title)
    fresh, kept = measured.pop("verify --fresh"), measured.pop("verify")
    row("scratchlab verify --fresh", fresh)
    row("scratchlab verify, image kept", kept)
    for name, times in measured.items():
        row(name, times, fresh, kept)
    print(f"{'peak memory':32} {max(fresh.peak, kept.peak):8d} MiB")
    return fresh


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.verify")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--mirror")
    parser.add_argument("--files", type=int, default=11_000)
    parser.add_argument("--container")
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {options.runs} runs each")
    with zipapp() as scratchlab:
        with subjects.program() as container:
            compare("one program, FROM scratch", scratchlab, container, options.runs)
        if options.container:
            compare(options.container, scratchlab, options.container, options.runs)
        else:
            with subjects.debian(options.suite, options.mirror) as container:
                compare(f"Debian {options.suite}", scratchlab, container, options.runs)
        with subjects.files(options.files) as container:
            single = compare(f"{options.files:,} entries", scratchlab, container, options.runs)
        with subjects.files(10 * options.files) as container:
            tenfold = compare(
                f"{10 * options.files:,} entries", scratchlab, container, options.runs
            )
    cost = statistics.median(tenfold.processor) / statistics.median(single.processor)
    print(
        f"\nten times the entries: {tenfold.median / single.median:.1f} times the time,"
        f" {cost:.1f} times the processor time,\n{tenfold.peak} MiB instead of {single.peak};"
        f" load now {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
