"""Time of a quick answer and of many containers, as ratios to what they stand in for.

    python -m tests.benchmarks.answers [--runs N] [--files N] [--containers N]

``why`` of one path against ``verify`` of the whole container, both with the image's ledger kept;
one ``verify`` of many containers of three images against one ``verify`` for each.

Needs root, a Docker engine and busybox-static. Times are medians of runs in turns.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
from contextlib import ExitStack

from tests.benchmarks import subjects
from tests.benchmarks.verify import Times, measure, zipapp

PATH = "/bin/busybox"


def compare(title: str, commands: dict[str, str], runs: int) -> None:
    """Measure two commands and print their times and the ratio of the first to the second."""
    print(f"\n{title}")
    measured = measure(commands, runs)
    for name, times in measured.items():
        spread = f"{min(times.wall):.2f} to {max(times.wall):.2f}"
        cost = statistics.median(times.processor)
        print(f"{name:28} {times.median:8.2f} s {spread:>18} {cost:8.2f} s of the processor")
    first, second = measured.values()
    print(f"{'ratio':28} {first.median / second.median:8.3f}   {_processor(first, second):>28.3f}")


def _processor(first: Times, second: Times) -> float:
    return statistics.median(first.processor) / statistics.median(second.processor)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.answers")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--containers", type=int, default=20)
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {options.runs} runs each")
    with zipapp() as program:
        scratchlab = shlex.join([sys.executable, program])
        with subjects.files(options.files) as container:
            compare(
                f"one path of {options.files:,} entries",
                {
                    "why": f"{scratchlab} why {container} {PATH}",
                    "verify (whole)": f"{scratchlab} verify {container} > /dev/null",
                },
                options.runs,
            )
        with ExitStack() as stack:
            names = []
            for number in range(3):
                count = options.files // 10 + number
                first = stack.enter_context(subjects.files(count))
                names.append(first)
                image = first.replace("-files-", ":files-")
                for copy in range(options.containers // 3 - 1):
                    command = ("/bin/busybox", "sleep")
                    again = subjects.sleeping(image, *command, name=f"{first}-{copy}")
                    names.append(stack.enter_context(again))
            listed = " ".join(names)
            each = f"for one in {listed}; do {scratchlab} verify $one; done > /dev/null"
            compare(
                f"{len(names)} containers of 3 images of {options.files // 10:,} entries",
                {"verify A B C ...": f"{scratchlab} verify {listed}", "one by one": each},
                options.runs,
            )


if __name__ == "__main__":
    main()
