"""What the user's data costs a verification: the same container with and without it.

Needs root, Docker and busybox-static.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import subjects
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.verify import measure, zipapp

_SIZE = 8_000_000_000  # bytes
_FILES = 100_000


def user_data(runs: int) -> Iterator[Comparison]:
    """A bind that holds a file of 8 GB (sparse), one of 100,000 files, and the whole host."""
    with zipapp() as program, ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        big, many = directory / "big", directory / "many"
        big.mkdir()
        many.mkdir()
        with open(big / "file", "wb") as file:
            file.truncate(_SIZE)
        for number in range(_FILES):
            (many / str(number)).touch()
        binds = {
            "no bind": (),
            "a bind with a file of 8 GB": ("-v", f"{big}:/data"),
            "a bind with 100,000 files": ("-v", f"{many}:/data"),
            "-v /:/rootfs:ro": ("-v", "/:/rootfs:ro"),
        }
        commands = {}
        for number, (what, flags) in enumerate(binds.items()):
            name = stack.enter_context(subjects.program(flags, f"bind-{number}"))
            commands[what] = f"{program} verify {name} --vantage host"
        times = measure(commands, runs)
    without = times.pop("no bind")
    for what, one in times.items():
        yield Comparison(f"verify, {what}", one.median, "no bind", without.median,
                         spread=one.spread)  # fmt: skip
