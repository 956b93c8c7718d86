"""How much the ledgers of one archive may hold."""

from __future__ import annotations

from scratchlab.collect.archives.limits import ENTRY_COST, Limits
from scratchlab.errors import LabError


class Room:
    """Bytes left for the entries of all layers, and so for the work that they make."""

    def __init__(self, limits: Limits) -> None:
        self._left = limits.ledger

    def take(self, size: int, entries: int = 1) -> None:
        """Take ``size`` bytes and the cost of ``entries``; raises LabError when none are left."""
        self._left -= size + ENTRY_COST * entries
        if self._left < 0:
            raise LabError(
                "the archive holds more entries than the lab takes in", "do not load this archive"
            )
