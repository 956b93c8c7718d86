"""Hard links that copy-up parted.

Overlayfs copies a file up when it is written to or its owner changes; the copy has one name, and
the other names stay with the file below (Linux Documentation/filesystems/overlayfs.rst).
"""

from __future__ import annotations

from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Evidence

_FEW = 8  # sets that are looked for one by one; beyond them, all are made in one reading
_MOST_NAMED = 3


class HardLinks:
    """The hard-link sets of image and live root, made when they are asked for."""

    def __init__(self, evidence: EvidenceSet) -> None:
        self._evidence = evidence
        self._sets: dict[int, dict[str, set[str]]] = {}
        self._whole: set[int] = set()  # ledgers whose sets are all made

    def parted(self, live: Entry) -> Evidence | None:
        """The evidence that ``live`` has other names than in the image only because of names that
        are in the writable layer now, or were removed there; None where that does not explain it.
        A file gets a name without a copy where the root is one directory (native, btrfs).
        """
        writable = self._evidence.writable
        image = self._evidence.image.get(live.path)
        if writable is None or image is None:
            return None
        names = self._names(self._evidence.image, image)
        left = self._names(self._evidence.live, live)
        gone, added = names - left, left - names
        if not gone | added or not all(name in writable for name in gone | added):
            return None
        detail = f"its other names were copied up or removed: {_shown(gone)}"
        if added:
            detail = f"it was given the names {_shown(added)}"
        return Evidence("writable-layer", detail)

    def _names(self, ledger: Ledger, entry: Entry) -> set[str]:
        """The names of the file that is ``entry`` of ``ledger``."""
        if entry.links is None:
            return {entry.path}
        key = id(ledger)
        sets = self._sets.setdefault(key, {})
        if entry.links not in sets and key not in self._whole:
            if len(sets) < _FEW:
                sets[entry.links] = ledger.linked(entry.links)
            else:
                self._sets[key] = sets = _sets(ledger)
                self._whole.add(key)
        return sets[entry.links]


def _shown(names: set[str]) -> str:
    more = ", ..." if len(names) > _MOST_NAMED else ""
    return f"{', '.join(sorted(names)[:_MOST_NAMED])}{more}"


def _sets(ledger: Ledger) -> dict[str, set[str]]:
    sets: dict[str, set[str]] = {}
    for entry in ledger:
        if entry.links is not None:
            sets.setdefault(entry.links, set()).add(entry.path)
    return sets
