"""What `why` says of a path that a later layer of the image removed."""

from __future__ import annotations

from tests.unit.judge.handmade import ROOT, directory, link
from tests.unit.judge.test_explain import looked_up

from scratchlab.ledger import LayerChange


def test_links_on_the_way_to_what_was_removed_are_told() -> None:
    image = [link("/l", "d"), directory("/d")]
    live = [link("/l", "d", ROOT.id), directory("/d", ROOT.id)]
    removed = {"/d/f": LayerChange.REMOVED}
    found = looked_up("/l/f", *live, image=image, history=removed)
    assert (found.path, found.note) == ("/d/f", "/l/f leads to /d/f by links")
    assert found.blame is not None
    found = looked_up("/d/f", *live, image=image, history=removed)
    assert (found.path, found.note) == ("/d/f", "")
