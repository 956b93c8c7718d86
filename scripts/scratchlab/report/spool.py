"""The entries of a report, kept on disk."""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Iterator

from scratchlab.report.sections import EntrySection

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
