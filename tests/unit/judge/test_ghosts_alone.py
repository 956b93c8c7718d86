"""Ghosts that are asked for alone: the findings before them are not kept in memory."""

from __future__ import annotations

import tracemalloc

from tests.unit.judge.handmade import ROOT, directory, facts, file

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.prediction.predictions import Predictions
from scratchlab.ledger import Ledger


def most_bytes(files: int) -> int:
    """How much memory it takes to look for ghosts among as many files, none of them hidden."""
    names = [f"/{number}" for number in range(files)]
    evidence = EvidenceSet(
        facts(),
        Ledger(file(name, layer=0) for name in names),
        Ledger([directory("/", ROOT.id), *(file(name, ROOT.id) for name in names)]),
        Ledger(),
        Ledger(),
    )
    ghosts = judge(evidence, Predictions()).ghosts
    tracemalloc.start()
    try:
        assert [*ghosts] == []
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_findings() -> None:
    most_bytes(1)  # what is made once
    assert most_bytes(2000) < 3 * most_bytes(200)
