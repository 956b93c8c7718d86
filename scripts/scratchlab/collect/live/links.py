"""Hard-link sets: which paths are names of one file.

A set holds the paths that the walk met with the same (mount, st_dev, st_ino). st_nlink only shows
which files may be in one: overlayfs keeps the link count of the lower file after a whiteout of one
name, and copy-up breaks links, so a count proves nothing. overlayfs keeps st_ino while mounted, but
may change it when a file with several names is copied up (kernel
Documentation/filesystems/overlayfs: "Non-standard behavior"; index=off): a container that writes to
such a file during the walk can split a set; the next run shows the new state.
"""

from __future__ import annotations

import os
import sqlite3
from itertools import groupby
from operator import itemgetter

from scratchlab.collect.live.file_status import FileStatus
from scratchlab.ledger import Ledger, sort_key


class LinkSets:
    """Paths by file, in a private temporary database that spills to disk."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA cache_size=-1024")
        self._db.execute("CREATE TABLE p (f TEXT, k BLOB, v TEXT, path BLOB, PRIMARY KEY (f, k))")
        # Names of one file may have as many versions, where a process touches it all the time.
        self._db.execute("CREATE INDEX versions ON p (f, v)")
        self._db.execute("BEGIN")

    def add(self, status: FileStatus, path: str) -> bool:
        """Add one more name of a file. Returns whether its content is still to be read.

        The content that was read under one name is that of another only if size and times are the
        same: an inode number can be reused once its file is removed.
        """
        file, version = repr(status.identity), repr((status.size, status.mtime, status.ctime))
        known = self._db.execute("SELECT 1 FROM p WHERE f = ? AND v = ? LIMIT 1", (file, version))
        first = known.fetchone() is None
        row = (file, sort_key(path), version, os.fsencode(path))
        self._db.execute("INSERT OR REPLACE INTO p VALUES (?, ?, ?, ?)", row)
        return first

    def settle(self, ledger: Ledger) -> None:
        """Set ``links`` of every entry in a set, and the content, which was read under one name."""
        query = """SELECT f, v, path FROM p
                   WHERE f IN (SELECT f FROM p GROUP BY f HAVING count(*) > 1) ORDER BY f, k"""
        rows = (
            (file, version, os.fsdecode(path)) for file, version, path in self._db.execute(query)
        )
        for _, names in groupby(rows, key=itemgetter(0)):
            first: str | None = None
            read: dict[str, tuple[str | None, str | None]] = {}
            for file, version, path in names:
                first = first or path
                entry = ledger.get(path)
                if entry is None:
                    continue
                if version not in read:
                    read[version] = self._content(ledger, file, version)
                sha256, note = read[version]
                ledger.put(entry._replace(links=first, sha256=sha256, note=entry.note or note))

    def _content(self, ledger: Ledger, file: str, version: str) -> tuple[str | None, str | None]:
        read: tuple[str | None, str | None] = (None, None)
        query = "SELECT path FROM p WHERE f = ? AND v = ?"
        for (path,) in self._db.execute(query, (file, version)):
            entry = ledger.get(os.fsdecode(path))
            if entry is not None and entry.sha256:
                return entry.sha256, entry.note
            if entry is not None and entry.note:
                read = None, entry.note
        return read

    def close(self) -> None:
        """Free the temporary database."""
        self._db.close()
