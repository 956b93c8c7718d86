"""Times of a quick answer and of many containers, against what they stand in for.

Needs root, a Docker engine and busybox-static. Times are medians of runs in turns.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack

from tests.benchmarks import subjects
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.verify import measure, zipapp

_FILES, _CONTAINERS, _IMAGES = 100_000, 18, 3


def why(runs: int) -> Iterator[Comparison]:
    """The origin of one path, against a verification of the whole; the image's ledger is kept."""
    with zipapp() as program, subjects.files(_FILES) as container:
        scratchlab = shlex.quote(program)
        commands = {
            "why": f"{scratchlab} why {container} /bin/busybox",
            "verify": f"{scratchlab} verify {container} > /dev/null",
        }
        times = measure(commands, runs)
    what = f"why, one path of {_FILES:,} entries"
    yield Comparison(what, times["why"].median, "verify", times["verify"].median,
                     spread=times["why"].spread)  # fmt: skip


def many(runs: int) -> Iterator[Comparison]:
    """One verification of many containers of a few images, against one for each."""
    with zipapp() as program, ExitStack() as stack:
        scratchlab = shlex.quote(program)
        names = []
        for number in range(_IMAGES):
            first = stack.enter_context(subjects.files(_FILES // 10 + number))
            names.append(first)
            image = first.replace("-files-", ":files-")
            for copy in range(_CONTAINERS // _IMAGES - 1):
                command = ("/bin/busybox", "sleep")
                again = subjects.sleeping(image, *command, name=f"{first}-{copy}")
                names.append(stack.enter_context(again))
        listed = " ".join(names)
        commands = {
            "together": f"{scratchlab} verify {listed}",
            "one by one": f"for one in {listed}; do {scratchlab} verify $one; done > /dev/null",
        }
        times = measure(commands, runs)
    what = f"verify of {_CONTAINERS} containers of {_IMAGES} images"
    yield Comparison(what, times["together"].median, "one by one", times["one by one"].median,
                     spread=times["together"].spread)  # fmt: skip
