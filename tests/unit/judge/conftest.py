"""Evidence of real containers, saved by `scratchlab verify --save-evidence`, as fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scratchlab import evidence
from scratchlab.evidence import EvidenceSet

SAVED = Path(__file__).with_name("evidence")


@pytest.fixture
def saved() -> Iterator[Callable[[str], EvidenceSet]]:
    """A function that loads evidence by the name of its directory; closed after the test."""
    loaded: list[EvidenceSet] = []

    def load(name: str) -> EvidenceSet:
        loaded.append(evidence.load(str(SAVED / name)))
        return loaded[-1]

    yield load
    for item in loaded:
        item.close()
