"""Hard links that copy-up parted.

Overlayfs copies a file up when it is written to or its owner changes; the copy has one name, and
the other names stay with the file below (Linux Documentation/filesystems/overlayfs.rst).
"""

from __future__ import annotations

from functools import cached_property

from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Evidence


class HardLinks:
    """The hard-link sets of image and live root, made when they are asked for."""

    def __init__(self, evidence: EvidenceSet) -> None:
        self._evidence = evidence

    @cached_property
    def _of_image(self) -> dict[str, set[str]]:
        return _sets(self._evidence.image)

    @cached_property
    def _of_live(self) -> dict[str, set[str]]:
        return _sets(self._evidence.live)

    def parted(self, live: Entry) -> Evidence | None:
        """The evidence that ``live`` has fewer names than in the image only because the others are
        in the writable layer now, or were removed there; None where that does not explain it.
        """
        writable = self._evidence.writable
        image = self._evidence.image.get(live.path)
        if writable is None or image is None or image.links is None:
            return None
        names = self._of_image.get(image.links, set())
        left = self._of_live.get(live.links, {live.path}) if live.links else {live.path}
        gone = names - left
        if left - names or not gone or not all(name in writable for name in gone):
            return None
        shown = ", ".join(sorted(gone)[:3])
        return Evidence("writable-layer", f"its other names were copied up or removed: {shown}")


def _sets(ledger: Ledger) -> dict[str, set[str]]:
    sets: dict[str, set[str]] = {}
    for entry in ledger:
        if entry.links is not None:
            sets.setdefault(entry.links, set()).add(entry.path)
    return sets
