"""Times of a verification, against pipelines that a person would type, and how they grow.

Needs root, a Docker engine, mmdebstrap, libarchive-tools and busybox-static; leaves nothing. Times
are medians of runs in turns, so that other load on the machine affects all alike.
"""

from __future__ import annotations

import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import subjects
from tests.benchmarks.comparison import Comparison

ROOT = Path(__file__).resolve().parents[2]
_BARE = Path(__file__).with_name("bare.py")
FRESH, KEPT = "verify --fresh", "verify, image kept"
SHA256SUM, COMPARE, DIFF = "save | sha256sum", "save | layers | tar --compare", "docker diff"
# The floor: who wants to prove as much must read image and root, hash the layers and every file on
# both sides. These do it with programs written in C, and explain nothing of the difference.
HASHED, HASHED_ROOT = "the same bytes hashed by bsdtar", "the root hashed by bsdtar"
# The floor of Python: a loop that reads the root as the lab does, keeps nothing, judges nothing.
BARE = "the root read by a loop in Python"
HASHED_BUT = "that, but the root by the loop in Python"
# And what a verification takes that has next to nothing to read: its start and the facts.
ONE_FILE = "verify, a container with one file"
FLOOR = "that, and the root read by a loop in Python"
_MTREE = "--format=mtree --options='mtree:!all,type,mode,uid,gid,link,size,sha256,time'"
MEMORY = 100  # MiB: the bound for any verification
_LARGE = 69_000  # bytes of the largest file: 98,600 of them are 3.4 GB
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

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the most wall seconds."""
        return min(self.wall), max(self.wall)

    @property
    def used(self) -> float:
        """Median of the processor seconds."""
        return statistics.median(self.processor)


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
            # 1 and 3 mean differences, which is a result: tar --compare finds Docker's files.
            if done.returncode not in (0, 1, 3):
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
    root = f"bsdtar -cf - {_MTREE} --one-file-system -C /proc/{pid}/root . | sort"
    image_side = (
        f"docker save {image} | tar -xO -f - {inside} | tee >(sha256sum > $d/id)"
        f" | bsdtar -cf - {_MTREE} @- | sort > $d/image"
    )
    # Through a small program: ru_maxrss includes the memory of the process before exec.
    verify = [sys.executable, "-c", _PEAK, scratchlab, "verify", container]
    return {
        FRESH: shlex.join([*verify, "--fresh"]),
        KEPT: shlex.join(verify),
        SHA256SUM: f"docker save {image} | sha256sum",
        COMPARE: (
            f"docker save {image} | tar -xO -f - {inside} | tar -i --compare -f -"
            f" -C /proc/{pid}/root/"
        ),
        DIFF: f"docker diff {container}",
        HASHED: (
            f"d=$(mktemp -d); {root} > $d/live & {image_side}; wait;"
            " diff $d/image $d/live > $d/differences; rm -r $d"
        ),
        HASHED_ROOT: f"{root} > /dev/null",
        BARE: shlex.join([interpreter(scratchlab), str(_BARE), f"/proc/{pid}/root/"]),
    }


def docker(*arguments: str) -> list[str]:
    """The output of a docker command, split at white space."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


def interpreter(program: str) -> str:
    """The Python that runs the zipapp ``program``: that of its first line, the system's."""
    with open(program, "rb") as file:
        return file.readline().removeprefix(b"#!").decode().strip()


@contextmanager
def zipapp() -> Iterator[str]:
    """The scratchlab zipapp, as the lab installs it and a user runs it; yields its path."""
    with tempfile.TemporaryDirectory(prefix="scratchlab-") as directory:
        path = f"{directory}/scratchlab"
        command = [sys.executable, str(ROOT / "scripts/build_zipapp.py"), path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield path


def debian(runs: int) -> Iterator[Comparison]:
    """A Debian with Python, Perl and git, against what a person would type."""
    with (
        zipapp() as scratchlab, subjects.debian() as container, subjects.program() as one
    ):  # fmt: skip
        wanted = commands(scratchlab, container)
        wanted[ONE_FILE] = commands(scratchlab, one)[KEPT]
        times = measure(wanted, runs)
    yield _by_the_clock("Debian 12", times, FRESH, SHA256SUM, 1.15)
    yield _by_the_clock("Debian 12", times, FRESH, COMPARE, 1.25)
    yield _by_the_clock("Debian 12", times, KEPT, COMPARE, 0.5)
    yield _by_the_clock("Debian 12", times, KEPT, DIFF)
    yield _by_the_clock("Debian 12", times, FRESH, HASHED)
    yield _by_the_clock("Debian 12", times, KEPT, HASHED_ROOT)
    yield _by_the_clock("Debian 12", times, KEPT, BARE)
    yield _by_the_clock("Debian 12", times, BARE, COMPARE)
    floor = times[ONE_FILE].median + times[BARE].median
    compare = times[COMPARE].median
    yield Comparison(ONE_FILE, times[ONE_FILE].median, COMPARE, compare)
    yield Comparison(FLOOR, floor, COMPARE, compare)
    yield _memory("Debian 12", times[FRESH], times[KEPT])


def large(runs: int) -> Iterator[Comparison]:
    """An image of 3.4 GB: the seconds of the processor, without the engine's share."""
    what = "3.4 GB, 98,600 entries"
    with zipapp() as scratchlab, subjects.files(98_600, _LARGE) as container:
        wanted = commands(scratchlab, container)
        names = (FRESH, SHA256SUM, HASHED, HASHED_ROOT, BARE)
        times = measure({name: wanted[name] for name in names}, runs)
    yield _by_the_clock(what, times, FRESH, SHA256SUM)
    ours, unit = times[FRESH].used, "s of the processor"
    yield Comparison(f"{FRESH}, {what}", ours, SHA256SUM, times[SHA256SUM].used, 1.3, unit)
    yield Comparison(f"{FRESH}, {what}", ours, HASHED, times[HASHED].used, unit=unit)
    # The floor of a reader in Python, its other side still in C.
    loop = times[HASHED].used - times[HASHED_ROOT].used + times[BARE].used
    yield Comparison(f"{FRESH}, {what}", ours, HASHED_BUT, loop, unit=unit)
    yield Comparison(HASHED_BUT, loop, SHA256SUM, times[SHA256SUM].used, unit=unit)
    yield _memory(what, times[FRESH])


def growth(runs: int) -> Iterator[Comparison]:
    """Ten times the entries, the layers, the mounts: at most ten times the processor's seconds."""
    entries, layers, mounts = 11_000, 12, 20
    yield from _tenfold("entries", entries, subjects.files, runs)
    yield from _tenfold("layers", layers, subjects.layers, runs)
    yield from _tenfold("mounts", mounts, subjects.mounts, runs)


def _tenfold(
    what: str, count: int, subject: Callable[[int], AbstractContextManager[str]], runs: int
) -> Iterator[Comparison]:
    with zipapp() as scratchlab, subject(count) as few, subject(10 * count) as many:
        short = commands(scratchlab, few)[FRESH]
        times = measure({f"{FRESH} few": short, FRESH: commands(scratchlab, many)[FRESH]}, runs)
    ours, other = times[FRESH], times[f"{FRESH} few"]
    unit = "s of the processor"
    yield Comparison(f"{FRESH}, {10 * count:,} {what}", ours.used, f"{count:,} {what}", other.used,
                     10, unit)  # fmt: skip
    yield _memory(f"{10 * count:,} {what}", ours)


def _by_the_clock(
    what: str, times: dict[str, Times], ours: str, other: str, goal: float = float("inf")
) -> Comparison:
    seconds = times[ours].median, times[other].median
    return Comparison(f"{ours}, {what}", seconds[0], other, seconds[1], goal,
                      spread=times[ours].spread)  # fmt: skip


def _memory(what: str, *times: Times) -> Comparison:
    peak = max(one.peak for one in times)
    return Comparison(f"verify, {what}", peak, "the bound", MEMORY, 1, "MiB")
