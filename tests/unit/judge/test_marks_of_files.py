"""Overlayfs's mark of an opaque directory says nothing on a file, where anybody may put it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.judge.handmade import ROOT, directory, facts, file, finding, judged

from scratchlab.model import Entry, Origin


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
