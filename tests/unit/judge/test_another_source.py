"""A mount whose source config.json has otherwise than inspect, and that shows neither."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import bind, bound, causes, config, facts, source

from scratchlab.model import Origin


@pytest.mark.parametrize(
    ("kind", "words"), [({"Type": "volume"}, "volume /mine"), ({}, "a mount /mine")]
)
def test_both_sources_are_told(kind: dict[str, str], words: str) -> None:
    """An engine may leave the type of a mount out of its inspect."""
    found = facts(
        bound(10, "/data", root="/third"), config=config(bind("/data", "/other")),
        inspect={"Mounts": [{**kind, "Source": "/mine", "Destination": "/data"}]},
        sources=(source("/third", 10), source("/mine", 11), source("/other", 12)),
    )  # fmt: skip
    cause = causes(found)[10]
    assert cause.origin is Origin.UNEXPLAINED
    assert cause.doubt == (
        f"{words} is asked for, and config.json has bind /other on /data (rbind): "
        "another mount is there"
    )
