"""What unpacking does to times and marks is told apart from a change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.judge.handmade import ROOT, directory, facts, file, finding, judged

from scratchlab.judge.unpacking import dropped_or_bounded
from scratchlab.model import Entry, Origin

# A time that a filesystem cannot hold is bounded to a second, whatever fractions there are.


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


# What unpacking an image does to a file is told apart from a change where all layers are known.


def test_time_that_unpacking_may_have_made_proves_nothing_without_the_writable_layer() -> None:
    """Somebody may have set the time of the file to the first second of 1970 as well."""
    image, live = file("/f", mtime=-1), file("/f", ROOT.id, mtime=0)
    unpacked = finding(judged(facts(), live, image=[image]), "/f")
    assert (unpacked.origin, unpacked.rule) == (Origin.IMAGE_LAYER, "engine-unpack-limits")
    unknown = finding(judged(facts(), live, image=[image], init=None, writable=None), "/f")
    assert (unknown.origin, unknown.rule) == (Origin.UNEXPLAINED, None)


# Overlayfs's mark of an opaque directory says nothing on a file, where anybody may put it.


@pytest.mark.parametrize(
    ("make", "origin"), [(directory, Origin.WRITTEN_LATER), (file, Origin.IMAGE_LAYER)]
)
@pytest.mark.parametrize("name", ["trusted.overlay.opaque", "user.overlay.opaque"])
def test_only_a_directory_was_made_again(
    make: Callable[..., Entry], origin: Origin, name: str
) -> None:
    marked = make("/x", xattrs=((name, b"y"),))
    judgement = judged(facts(), make("/x", ROOT.id), image=[make("/x")], writable=[marked])
    assert finding(judgement, "/x").origin is origin
