"""A directory of the image that was removed and made again, in a user namespace."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import ROOT, directory, facts, finding, judged

from scratchlab.model import Origin


@pytest.mark.parametrize(
    ("unmerged", "origin"),
    [(frozenset({"/o"}), Origin.WRITTEN_LATER), (frozenset(), Origin.IMAGE_LAYER)],
)
def test_its_owner_is_the_images_by_the_containers_ids(
    unmerged: frozenset[str], origin: Origin
) -> None:
    found = facts(changes={"/o": "changed"}, unmerged=unmerged, uid_map=((0, 100_000, 65_536),))
    live = directory("/o", ROOT.id, uid=100_000, gid=100_000)
    image = [directory("/o", layer=0)]
    judgement = judged(found, live, image=image, init=None, writable=None)
    assert finding(judgement, "/o").origin is origin
