"""Evidence of real containers, saved by `scratchlab verify --save-evidence`, as fixtures."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scratchlab import evidence
from scratchlab.evidence import EvidenceSet

SAVED = Path(__file__).with_name("evidence")
_PACKED = ".tar.gz"
NAMES = sorted(path.name.removesuffix(_PACKED) for path in SAVED.iterdir())


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[Callable[[str], EvidenceSet]]:
    """A function that loads evidence by its name; closed after the test."""
    loaded: list[EvidenceSet] = []

    def load(name: str) -> EvidenceSet:
        directory = SAVED / name
        if not directory.exists():
            directory = tmp_path / name
            with tarfile.open(SAVED / f"{name}{_PACKED}") as archive:
                # Debian 12's Python 3.11.2 has no filters.
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                archive.extractall(directory)
        loaded.append(evidence.load(str(directory)))
        return loaded[-1]

    yield load
    for item in loaded:
        item.close()
