"""How the judge's time grows with the mounts of a container.

Needs no engine: the mounts are made up, as many on one directory as below it, which is what a
hostile container does. Garbage is not collected meanwhile, as timeit does it: how long that takes
depends on all that the process has in memory.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from functools import partial

from scratchlab import mountinfo
from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Facts, Kind, Mount
from tests.benchmarks.comparison import Comparison

_MANY, _FEW = 24_000, 2_400
_GOAL = 12  # ten times the mounts, and what chance adds
_GOAL_OF_SORT = 13  # 24,000 log 24,000 / (2,400 log 2,400)
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
    gc.disable()
    try:
        for _ in range(runs):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
    finally:
        gc.enable()
    return min(times)


def made_up_mounts(runs: int) -> Iterator[Comparison]:
    """Each step of the work on mounts."""
    texts = {count: lines(count) for count in (_FEW, _MANY)}
    mounts = {count: mountinfo.parse(text) for count, text in texts.items()}
    steps: list[tuple[str, Callable[[int], object], int]] = [
        ("mountinfo.parse", lambda count: mountinfo.parse(texts[count]), _GOAL),
        (
            "mountinfo.visible_mounts",
            lambda count: mountinfo.visible_mounts(mounts[count]),
            _GOAL_OF_SORT,
        ),
        ("who made each mount", lambda count: judge(mounts[count]), _GOAL),
    ]
    for name, step, goal in steps:
        short, long = (seconds(partial(step, count), runs) for count in (_FEW, _MANY))
        yield Comparison(f"{name}, {_MANY:,} mounts", long, f"{_FEW:,} mounts", short, goal,
                         "s of the processor")  # fmt: skip
