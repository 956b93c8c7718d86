"""A progress display: on a terminal only, and only for work that takes more than 2 seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_PATIENCE = 2.0  # seconds
_PAUSE = 0.1  # seconds between two repaints


class Progress:
    """Steps with counters: one line each, shown once the work has taken ``patience`` seconds.

    A context manager: leaving it clears the lines. It shows nothing where ``stream`` (default:
    standard error) is not a terminal.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        patience: float = _PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._visible = self._stream.isatty()
        self._clock = clock
        self._start = clock()
        self._patience = patience
        self._next_paint = self._start + patience
        self._bars: Bars | None = None
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Clear the lines, so that something else can be printed; the next step shows its own."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._tasks = None, {}

    def step(self, title: str, unit: str) -> Callable[[int], None] | None:
        """A counter for one step, or None where nothing is shown.

        Call it with the total so far, in ``unit``: ``bytes``, or the plural of what is counted.
        """
        if not self._visible:
            return None

        def count(total: int) -> None:
            now = self._clock()
            if now >= self._next_paint:
                self._next_paint = now + _PAUSE
                self._paint(title, unit, total)

        return count

    def _paint(self, title: str, unit: str, total: int) -> None:
        bars = self._bars
        if bars is None:
            bars = self._bars = _bars(self._stream)
            bars.start()
        if title not in self._tasks:
            self._tasks[title] = bars.add_task(title, total=None, amount="")
        amount = f"{total / 1e6:,.0f} MB" if unit == "bytes" else f"{total:,} {unit}"
        bars.update(self._tasks[title], amount=amount)  # type: ignore[arg-type]


def _bars(stream: TextIO) -> Bars:
    # Importing rich takes 0.1 s: only a run that is slow anyway pays for it.
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    return RichProgress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    )
