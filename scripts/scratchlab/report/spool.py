"""The entries of a report, made once from the findings or read from a file, and kept on disk.

Making a finding costs ten times what reading it back does, and summary, file, table and exit
status each iterate all of them.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Callable, Iterable, Iterator

from scratchlab.judge.weight import Scale
from scratchlab.ledger import HistoryReader
from scratchlab.model import Finding, Origin, Status
from scratchlab.report.convert import drift_section, entry_section
from scratchlab.report.sections import EntrySection
from scratchlab.report.verdict import DRIFT, trouble_of

_BATCH = 64
_CACHE_KIB = 2048


class SectionSpool:
    """Entries in the order in which they were added.

    They are kept in a private temporary database, which SQLite spills to disk as it grows.
    """

    def __init__(self) -> None:
        self._batch: list[EntrySection] = []
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        self._db.execute("CREATE TABLE e (n INTEGER PRIMARY KEY, v BLOB NOT NULL)")
        self._db.execute("BEGIN")

    def __iter__(self) -> Iterator[EntrySection]:
        for (value,) in self._db.execute("SELECT v FROM e ORDER BY n"):
            # marshal: written by this process into a database that no one else can open.
            yield from marshal.loads(value)  # noqa: S302
        yield from self._batch

    def add(self, section: EntrySection) -> None:
        """Add ``section`` at the end. Raises ValueError where it is nested too deep to be kept."""
        self._batch.append(section)
        if len(self._batch) == _BATCH:
            self._db.execute("INSERT INTO e (v) VALUES (?)", (marshal.dumps(self._batch),))
            self._batch = []


class EntrySpool(SectionSpool):
    """The findings as sections, in their order, and what the summary counts of them."""

    def __init__(
        self,
        findings: Iterable[Finding],
        histories: HistoryReader,
        scale: Scale,
        mark: Callable[[Finding, EntrySection], None],
    ) -> None:
        """``histories`` are those of the image; ``scale`` weighs what changed since the start.
        ``mark`` is called with each finding and its section before that is kept.
        """
        super().__init__()
        self.explained = self.unexplained = self.missing = self.altered = 0
        self.rules: set[str] = set()  # ids of the rules that the findings cite
        for finding in findings:
            self._count(finding)
            section = entry_section(finding, histories.at(finding.path))
            if (trouble := trouble_of(section)) in DRIFT:
                mounted = trouble == "mounted"
                weighed = scale.weigh(finding.path, finding.live, finding.image, mounted=mounted)
                section["drift"] = drift_section(weighed)
            mark(finding, section)
            self.add(section)

    def _count(self, finding: Finding) -> None:
        self.missing += finding.status is Status.MISSING
        self.altered += finding.status is Status.ALTERED
        if finding.rule:
            self.rules.add(finding.rule)
        if finding.live is not None:
            unknown = finding.origin is Origin.UNEXPLAINED
            self.unexplained += unknown
            self.explained += not unknown
