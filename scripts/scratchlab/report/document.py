"""What a report is, for all who read one. Without what makes one, which needs the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from scratchlab.report.sections import EntrySection, Head
from scratchlab.report.verdict import is_plain

SCHEMA = "scratchlab-report-2"


class Sorted(NamedTuple):
    """Entries by what there is to say of them (see ``verdict.is_plain``)."""

    remarkable: Iterable[EntrySection]  # in tree order
    plain: Mapping[str, int]  # the number of the others, by origin


@dataclass(frozen=True, slots=True)
class Report:
    """A report: ``head`` is all of it but the entries, which may be too many for memory.
    ``_sorted``: the entries sorted, where that is done already.
    """

    head: Head
    _entries: Iterable[EntrySection]
    _sorted: Sorted | None = None

    @property
    def entries(self) -> Iterator[EntrySection]:
        """The entries in tree order, from the start at every call."""
        return iter(self._entries)

    @property
    def remarkable(self) -> Iterator[EntrySection]:
        """The entries that are not plain, in tree order: of most containers, very few."""
        if self._sorted is not None:
            return iter(self._sorted.remarkable)
        return (entry for entry in self._entries if not is_plain(entry))

    @property
    def plain(self) -> Mapping[str, int]:
        """The number of plain entries, by origin."""
        if self._sorted is not None:
            return self._sorted.plain
        return Counter(entry["origin"] for entry in self._entries if is_plain(entry))
