"""The entries of a report, made once from the findings and kept on disk.

Making a finding costs ten times what reading it back does, and summary, file, table and exit
status each iterate all of them.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Iterable, Iterator

from scratchlab.model import Finding, Origin, Status
from scratchlab.report.convert import entry_section
from scratchlab.report.sections import EntrySection

_BATCH = 64
_CACHE_KIB = 2048


class EntrySpool:
    """The findings as sections, in their order, and what the summary counts of them.

    They are kept in a private temporary database, which SQLite spills to disk as it grows.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.explained = self.unexplained = self.missing = self.altered = 0
        self.rules: set[str] = set()  # ids of the rules that the findings cite
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        self._db.execute("CREATE TABLE e (n INTEGER PRIMARY KEY, v BLOB NOT NULL)")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO e (v) VALUES (?)", self._batches(findings))

    def __iter__(self) -> Iterator[EntrySection]:
        for (value,) in self._db.execute("SELECT v FROM e ORDER BY n"):
            # marshal: written by this process into a database that no one else can open.
            yield from marshal.loads(value)  # noqa: S302

    def _batches(self, findings: Iterable[Finding]) -> Iterator[tuple[bytes]]:
        batch: list[EntrySection] = []
        for finding in findings:
            self._count(finding)
            batch.append(entry_section(finding))
            if len(batch) == _BATCH:
                yield (marshal.dumps(batch),)
                batch.clear()
        yield (marshal.dumps(batch),)

    def _count(self, finding: Finding) -> None:
        self.missing += finding.status is Status.MISSING
        self.altered += finding.status is Status.ALTERED
        if finding.rule:
            self.rules.add(finding.rule)
        if finding.live is not None:
            unknown = finding.origin is Origin.UNEXPLAINED
            self.unexplained += unknown
            self.explained += not unknown
