"""Entries on their way into a ledger: written in batches, and counted against the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scratchlab.collect.live.limits import ENTRY_COST, WalkLimits
from scratchlab.collect.live.xattrs import cost
from scratchlab.ledger import Ledger
from scratchlab.model import Entry

_ENTRIES = 512
_BYTES = 1 << 20


class EntryBuffer:
    """Entries that are not yet in ``ledger``. ``progress`` is called with their number so far."""

    def __init__(
        self, ledger: Ledger, limits: WalkLimits, progress: Callable[[int], None] | None
    ) -> None:
        self._ledger = ledger
        self._limits = limits
        self._progress = progress
        self._ready: list[Entry] = []
        self._bytes = 0
        self._count = 0
        self._cost = 0

    def keep(self, entries: Iterable[Entry]) -> None:
        """Add ``entries``. Raises LabError where the ledger would be larger than the limits."""
        for entry in entries:
            self._ready.append(entry)
            xattr_bytes = cost(entry.xattrs)
            self._bytes += xattr_bytes
            self.charge(len(entry.path) + xattr_bytes)
            if len(self._ready) >= _ENTRIES or self._bytes >= _BYTES:
                self.flush()

    def charge(self, length: int) -> None:
        """Count something of ``length`` bytes that is kept in memory. Raises LabError."""
        self._cost += length + ENTRY_COST
        if self._cost > self._limits.ledger_bytes:
            raise self._limits.too_many()

    def add_note(self, path: str, note: str) -> None:
        """Set the note of the entry ``path``, if the ledger has it."""
        self.flush()
        entry = self._ledger.get(path)
        if entry is not None:
            self._ledger.put(entry._replace(note=note))

    def flush(self) -> None:
        """Write what is waiting."""
        self._ledger.update(self._ready)
        self._count += len(self._ready)
        self._ready.clear()
        self._bytes = 0
        if self._progress is not None:
            self._progress(self._count)
