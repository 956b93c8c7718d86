"""Progress is shown on a terminal, after two seconds, and nowhere else."""

from __future__ import annotations

import io

from scratchlab.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_shown_without_a_terminal() -> None:
    stream = io.StringIO()
    with Progress(stream, patience=0) as progress:
        assert progress.step("reading", "entries") is None
    assert stream.getvalue() == ""


def test_nothing_is_shown_before_two_seconds() -> None:
    stream, clock = Terminal(), Clock()
    with Progress(stream, clock=clock) as progress:
        count = progress.step("reading", "entries")
        assert count is not None
        clock.now = 1.9
        count(1000)
    assert stream.getvalue() == ""


def test_the_step_and_its_count_are_shown_after_two_seconds() -> None:
    stream, clock = Terminal(), Clock()
    with Progress(stream, clock=clock) as progress:
        count = progress.step("reading the live root", "entries")
        assert count is not None
        clock.now = 2.1
        count(12345)
    assert "reading the live root" in stream.getvalue()
    assert "12,345 entries" in stream.getvalue()
