"""What a benchmark found, as a ratio, and how busy the machine was meanwhile."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests import documents

_REST = 3.0  # seconds


@dataclass(frozen=True)
class Comparison:
    """``ours`` beside ``other``, both in ``unit``. ``goal`` is the largest ratio wanted (none:
    infinite); ``spread`` is the least and the most of ``ours``, where several runs were taken.
    """

    what: str
    ours: float
    against: str
    other: float
    goal: float = math.inf
    unit: str = "s"
    spread: tuple[float, float] | None = None

    @property
    def ratio(self) -> float:
        """How many times ``other`` it takes."""
        return self.ours / self.other

    @property
    def met(self) -> bool:
        """Whether the ratio is at most the goal."""
        return self.ratio <= self.goal

    def cells(self) -> tuple[str, ...]:
        """The cells of a row of ``table``."""
        ours = f"{_number(self.ours)} {self.unit}"
        if self.spread:
            ours += f" ({_number(self.spread[0])} to {_number(self.spread[1])})"
        goal = "" if math.isinf(self.goal) else f"{self.goal:g}"
        verdict = "" if not goal else "met" if self.met else "**missed**"
        other = f"{_number(self.other)} {self.unit}"
        return self.what, ours, self.against, other, f"{self.ratio:.2f}", goal, verdict


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def table(comparisons: Iterable[Comparison]) -> str:
    """A table in Markdown, as this project's documents hold it."""
    heads = ("what", "takes", "against", "which takes", "ratio", "goal", "")
    return documents.table(heads, (one.cells() for one in comparisons))


def busy() -> float:
    """The share of the processors, from 0 to 1, that others use during three seconds of rest."""
    before, start = _used(), time.monotonic()
    time.sleep(_REST)
    ticks = (_used() - before) / os.sysconf("SC_CLK_TCK")
    return ticks / (time.monotonic() - start) / (os.cpu_count() or 1)


def _used() -> int:
    """Ticks that all processors spent on work since the boot (proc(5), /proc/stat: user, nice,
    system, idle, iowait, irq, softirq, steal).
    """
    first = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, first.split()[1:9])
    return user + nice + system + irq + soft + steal
