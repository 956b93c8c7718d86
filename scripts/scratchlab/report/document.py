"""What a report is, for all who read one. Without what makes one, which needs the judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scratchlab.report.sections import EntrySection, Head

SCHEMA = "scratchlab-report-2"


@dataclass(frozen=True, slots=True)
class Report:
    """A report: ``head`` is all of it but the entries, which may be too many for memory."""

    head: Head
    _entries: Iterable[EntrySection]

    @property
    def entries(self) -> Iterator[EntrySection]:
        """The entries in tree order, from the start at every call."""
        return iter(self._entries)
