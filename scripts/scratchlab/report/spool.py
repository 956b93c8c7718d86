"""The entries of a report, made once from the findings and kept where they cost no memory.

Making a finding asks the judge and costs ten times what reading one back does; summary, file,
table and exit status each want all of them.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Iterable, Iterator

from scratchlab.model import Finding, Json, Origin, Status
from scratchlab.report import sections

_BATCH = 64
_CACHE_KIB = 2048


class EntrySpool:
    """The findings as JSON, in their order, and what the summary counts of them.

    They lie in a private temporary database that spills to disk by itself.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.explained = self.unexplained = self.missing = self.altered = 0
        self.rules: set[str] = set()
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        self._db.execute("CREATE TABLE e (n INTEGER PRIMARY KEY, v BLOB NOT NULL)")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO e (v) VALUES (?)", self._batches(findings))

    def __iter__(self) -> Iterator[Json]:
        for (value,) in self._db.execute("SELECT v FROM e ORDER BY n"):
            # marshal: written by this process into a database that no one else can open.
            yield from marshal.loads(value)  # noqa: S302

    def _batches(self, findings: Iterable[Finding]) -> Iterator[tuple[bytes]]:
        batch: list[Json] = []
        for finding in findings:
            self._count(finding)
            batch.append(sections.finding_section(finding))
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
