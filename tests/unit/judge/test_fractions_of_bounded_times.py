"""A time that a filesystem cannot hold is bounded to a second, whatever fractions there are."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import file

from scratchlab.judge.unpacking import dropped_or_bounded

SECOND = 1_000_000_000
HELD = "its time lies after the last one that the filesystem holds"


@pytest.mark.parametrize("fraction", [0, 1, 854_775_807])
@pytest.mark.parametrize("last", [0x7FFFFFFF, 0x37FFFFFFF, 9_223_372_036])
def test_of_the_last_second_the_fraction_does_not_matter(last: int, fraction: int) -> None:
    """The last nanosecond that Go counts is not a whole second."""
    live = file("/f", mtime=last * SECOND + fraction)
    assert dropped_or_bounded(file("/f", mtime=(last + 1) * SECOND), live, ["mtime"]) == [HELD]


@pytest.mark.parametrize("last", [0x7FFFFFFF, 0x37FFFFFFF, 9_223_372_036])
def test_a_time_within_the_last_second_is_held_as_it_is(last: int) -> None:
    """So that somebody set another fraction later."""
    image, live = (file("/f", mtime=last * SECOND + half) for half in (500_000_000, 300_000_000))
    assert dropped_or_bounded(image, live, ["mtime"]) == []


def test_within_the_last_second_that_go_counts_no_time_becomes_1970() -> None:
    image, live = file("/f", mtime=9_223_372_036 * SECOND + 500_000_000), file("/f", mtime=0)
    assert dropped_or_bounded(image, live, ["mtime"]) == []
