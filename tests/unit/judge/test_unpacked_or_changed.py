"""What unpacking an image does to a file is told apart from a change where all layers are known."""

from __future__ import annotations

from tests.unit.judge.handmade import ROOT, facts, file, finding, judged

from scratchlab.model import Origin


def test_time_that_unpacking_may_have_made_proves_nothing_without_the_writable_layer() -> None:
    """Somebody may have set the time of the file to the first second of 1970 as well."""
    image, live = file("/f", mtime=-1), file("/f", ROOT.id, mtime=0)
    unpacked = finding(judged(facts(), live, image=[image]), "/f")
    assert (unpacked.origin, unpacked.rule) == (Origin.IMAGE_LAYER, "engine-unpack-limits")
    unknown = finding(judged(facts(), live, image=[image], init=None, writable=None), "/f")
    assert (unknown.origin, unknown.rule) == (Origin.UNEXPLAINED, None)
