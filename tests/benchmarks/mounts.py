"""How time grows with the mounts of a container, as ratios.

    python -m tests.benchmarks.mounts [--mounts N] [--runs N]

Needs no engine: the mounts are made up, as many on one directory as below it, which is what a
hostile container does. Ten times the mounts take about ten times the time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

from scratchlab import mountinfo
from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Facts, Kind, Mount

_LINE = "{} {} 0:{} / {} rw - tmpfs t rw\n"


def lines(count: int) -> bytes:
    """A mountinfo file: ``count`` mounts, half of them on /s, half of them below it."""
    half = count // 2
    text = [_LINE.format(1, 0, 1, "/")]
    text += [_LINE.format(number, number - 1, number, "/s") for number in range(2, half + 2)]
    text += [
        _LINE.format(half + number, half + 1, 9, f"/s/d{number}") for number in range(2, half + 2)
    ]
    return "".join(text).encode()


def judge(mounts: tuple[Mount, ...]) -> None:
    """What the judge does with each mount."""
    with Ledger([Entry("/", Kind.DIRECTORY, 0o755)]) as image:
        origins = MountOrigins(Facts(mounts=mounts, host_mounts=mounts), image, 1)
        for mount in mounts:
            origins.content(mount)
            origins.origins_at(mount.target)


def seconds(work: Callable[[], object], runs: int) -> float:
    """The least processor time of some runs."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.mounts")
    parser.add_argument("--mounts", type=int, default=24_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    many, few = options.mounts, options.mounts // 10
    print(f"{'':24} {few:>9,} {many:>9,} {'ratio':>8}")
    texts = {count: lines(count) for count in (few, many)}
    mounts = {count: mountinfo.parse(text) for count, text in texts.items()}
    steps: dict[str, Callable[[int], object]] = {
        "mountinfo.parse": lambda count: mountinfo.parse(texts[count]),
        "visible_mounts": lambda count: mountinfo.visible_mounts(mounts[count]),
        "who made each mount": lambda count: judge(mounts[count]),
    }
    for name, step in steps.items():
        short, long = (seconds(partial(step, count), options.runs) for count in (few, many))
        print(f"{name:24} {short:7.3f} s {long:7.3f} s {long / short:7.1f}x", flush=True)


if __name__ == "__main__":
    main()
