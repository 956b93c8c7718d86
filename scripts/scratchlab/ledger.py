"""A ledger: the entries of a root filesystem by path, in order, in bounded memory.

The entries lie in a private temporary SQLite database that spills to disk, so that memory does not
grow with their number. Keys are path bytes with NUL for ``/``: byte order is then tree order, and a
subtree is one range.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from scratchlab.errors import LabError
from scratchlab.model import Entry, Kind

_CACHE_KIB = 8192
_COLUMNS = "k BLOB PRIMARY KEY, v BLOB NOT NULL"
# Errors of SQLite when it cannot write a temporary database: ledgers and reports are kept in such.
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
_KINDS = {str(kind): kind for kind in Kind}  # a look-up costs a third of Kind(...)
_new = tuple.__new__  # half of Entry(...), which is a function in Python


def sort_key(path: str) -> bytes:
    """The key that sorts paths in tree order: parents before children, a subtree without gaps."""
    return b"" if path == "/" else os.fsencode(path).replace(b"/", b"\0")


class LayerChange(StrEnum):
    """What one layer of an image did at one path."""

    MADE = "made"  # there was nothing below it
    CHANGED = "changed"
    REPEATED = "repeated"  # the layer has it again, and nothing that is compared differs
    REPLACED = "replaced"  # with an entry of another type
    REMOVED = "removed"  # by a whiteout, or by what the layer has above it


@dataclass(frozen=True, slots=True)
class LayerStep:
    """What ``layer`` (from 0, the lowest) did at one path. ``fields`` are the names of the Entry
    fields that it changed; ``kind`` and ``size`` (in bytes) are those of the entry that it brought,
    None and 0 where it removed one. (Of a file with several names one has the size.)
    """

    layer: int
    change: LayerChange
    fields: tuple[str, ...] = ()
    kind: Kind | None = None
    size: int = 0


_CHANGES = {str(change): change for change in LayerChange}


def is_full(error: BaseException) -> bool:
    """Whether ``error`` is SQLite's for a temporary database that has no space."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(_FULL)


def no_space() -> LabError:
    """The error for temporary databases that have no space."""
    return LabError(
        f"no space left for temporary files in {temporary_directory()}",
        "free some there, or set TMPDIR to a directory with more",
    )


def temporary_directory() -> str:
    """Where SQLite puts temporary databases: os_unix.c unixTempFileDir of SQLite 3.40 to 3.50."""
    named = (os.environ.get(name) for name in ("SQLITE_TMPDIR", "TMPDIR"))
    for directory in filter(None, (*named, "/var/tmp", "/usr/tmp", "/tmp")):  # noqa: S108
        if os.path.isdir(directory) and os.access(directory, os.W_OK | os.X_OK):
            return directory
    return os.getcwd()


class Ledger:
    """Entries by path. Iteration is in tree order (parents first, siblings by bytes).

    A ledger of an image also has histories: of each path that more than one layer touched, or that
    a layer removed, what each did. An entry without one was made by its layer.
    """

    def __init__(self, entries: Iterable[Entry] = (), path: str = "") -> None:
        """``path`` is a new file to keep it in, which :meth:`finish` completes; empty: none."""
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        for table in ("e", "h"):  # entries, histories
            self._db.execute(f"CREATE TABLE {table} ({_COLUMNS}) WITHOUT ROWID")
        self._db.execute("BEGIN")
        self._digest = ""  # once it is made, until an entry changes
        self.update(entries)

    @classmethod
    def open_saved(cls, path: Path, digest: str = "") -> Self:
        """Open a ledger in a complete file, read-only. ``digest``: its :meth:`digest`, where the
        one who wrote the file made it. Raises sqlite3.Error.
        """
        ledger = cls.__new__(cls)
        ledger._digest = digest
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        ledger._db = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False
        )
        ledger._db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        ledger._db.execute("SELECT 1 FROM e LIMIT 1")
        return ledger

    def save(self, path: Path) -> None:
        """Write all entries to ``path``, which must not exist or be empty. Raises sqlite3.Error."""
        self.finish()
        self._db.execute("VACUUM INTO ?", (str(path),))

    def finish(self) -> None:
        """Complete the file of a ledger that has one. Raises sqlite3.Error."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the temporary database."""
        self._db.close()

    def put(self, entry: Entry) -> None:
        """Add ``entry``; it replaces the entry at its path, not those below."""
        self._digest = ""
        self._db.execute("INSERT OR REPLACE INTO e VALUES (?, ?)", _row(entry))

    def update(self, entries: Iterable[Entry]) -> None:
        """Add many entries, each like :meth:`put`."""
        self._digest = ""
        self._db.executemany("INSERT OR REPLACE INTO e VALUES (?, ?)", map(_row, entries))

    def get(self, path: str) -> Entry | None:
        """The entry at ``path``, or None."""
        row = self._db.execute("SELECT v FROM e WHERE k = ?", (sort_key(path),)).fetchone()
        return None if row is None else _entry(row[0])

    def __contains__(self, path: str) -> bool:
        return (
            self._db.execute("SELECT 1 FROM e WHERE k = ?", (sort_key(path),)).fetchone()
            is not None
        )

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM e").fetchone()[0])

    def __iter__(self) -> Iterator[Entry]:
        for (value,) in self._db.execute("SELECT v FROM e ORDER BY k"):
            yield _entry(value)

    def below(self, path: str) -> Iterator[Entry]:
        """Every entry strictly below ``path``, in order."""
        start, end = _range(path)
        query = "SELECT v FROM e WHERE k >= ? AND k < ? ORDER BY k"
        for (value,) in self._db.execute(query, (start, end)):
            yield _entry(value)

    def names(self, path: str) -> Iterator[str]:
        """The names in the directory ``path``, in order; one look-up for each."""
        start, end = _range(path)
        after = start
        query = "SELECT k FROM e WHERE k > ? AND k < ? ORDER BY k LIMIT 1"
        while (row := self._db.execute(query, (after, end)).fetchone()) is not None:
            name = row[0][len(start) :].partition(b"\0")[0]
            yield os.fsdecode(name)
            after = start + name + b"\1"  # behind everything below it

    def linked(self, first: str) -> set[str]:
        """The paths whose ``links`` is ``first``: one hard-link set."""
        query = "SELECT v FROM e WHERE instr(v, ?)"
        needle = first.encode("utf-8", "surrogatepass")
        found = (_entry(value) for (value,) in self._db.execute(query, (needle,)))
        return {entry.path for entry in found if entry.links == first}

    def called(self, name: str, most: int) -> list[str]:
        """At most ``most`` paths that end with the name ``name``, in order."""
        end = b"\0" + os.fsencode(name)
        query = "SELECT k FROM e WHERE substr(k, ?) = ? ORDER BY k LIMIT ?"
        rows = self._db.execute(query, (-len(end), end, most))
        return [os.fsdecode(key.replace(b"\0", b"/")) for (key,) in rows]

    def remove(self, path: str) -> None:
        """Remove ``path`` and everything below it."""
        self._digest = ""
        self._db.execute("DELETE FROM e WHERE k = ?", (sort_key(path),))
        self.remove_below(path)

    def remove_below(self, path: str) -> None:
        """Remove everything strictly below ``path``."""
        self._digest = ""
        self._db.execute("DELETE FROM e WHERE k >= ? AND k < ?", _range(path))

    def put_histories(self, histories: Iterable[tuple[str, tuple[LayerStep, ...]]]) -> None:
        """Add histories: a path and what each layer did there, the lowest layer first."""
        rows = ((sort_key(path), _history_row(path, steps)) for path, steps in histories)
        self._db.executemany("INSERT OR REPLACE INTO h VALUES (?, ?)", rows)

    def history(self, path: str) -> tuple[LayerStep, ...]:
        """What each layer did at ``path``; empty where at most one layer has it."""
        row = self._db.execute("SELECT v FROM h WHERE k = ?", (sort_key(path),)).fetchone()
        return () if row is None else _history(row[0])[1]

    def histories(self) -> Iterator[tuple[str, tuple[LayerStep, ...]]]:
        """Every history with its path, in tree order."""
        for (value,) in self._db.execute("SELECT v FROM h ORDER BY k"):
            yield _history(value)

    def digest(self) -> str:
        """The ``ledger_digest``: ``sha256:`` and the SHA-256 of the normalized ledger.

        Normalized: tree order; type, mode, owner, size, content, target, device numbers, extended
        attributes and hard-link sets; no times, layers or histories, no mount, no host facts.
        """
        if not self._digest:
            digest = hashlib.sha256()
            for entry in self:
                digest.update(_normal(entry))
            self._digest = f"sha256:{digest.hexdigest()}"
        return self._digest


class HistoryReader:
    """Histories of a ledger for paths that are asked in tree order: one reading of them all."""

    def __init__(self, ledger: Ledger) -> None:
        self._histories = ledger.histories()
        self._next = next(self._histories, None)

    def at(self, path: str) -> tuple[LayerStep, ...]:
        """The history of ``path``, which follows the one asked before."""
        if self._next is None:
            return ()
        key = sort_key(path)
        while self._next is not None and sort_key(self._next[0]) < key:
            self._next = next(self._histories, None)
        return self._next[1] if self._next is not None and self._next[0] == path else ()


class FewPaths:
    """Looks up entries of ``ledger`` (None: nothing has one), which must not change any more.

    Of most containers, the layers above the image have few entries: then their paths are kept in
    memory, and most questions need no look into the database.
    """

    MOST = 10_000  # paths in memory

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        few = ledger is None or len(ledger) <= self.MOST
        self._paths = frozenset(entry.path for entry in ledger or ()) if few else None

    def get(self, path: str) -> Entry | None:
        """The entry at ``path``, or None."""
        if self._ledger is None or (self._paths is not None and path not in self._paths):
            return None
        return self._ledger.get(path)


class SharedLedger(Ledger):
    """The entries of ``ledger``, to read: closing it leaves ``ledger`` open. ``ledger`` must not
    change any more.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger._db
        self._digest = ""

    def close(self) -> None:
        """Nothing: the ledger that is shared is closed by its owner."""


def _range(path: str) -> tuple[bytes, bytes]:
    start = sort_key(path)
    return start + b"\0", start + b"\1"


def _row(entry: Entry) -> tuple[bytes, bytes]:
    path, kind, *rest = entry
    return sort_key(path), marshal.dumps((path, str(kind), *rest))


def _entry(value: bytes) -> Entry:
    # marshal: only this program writes to these databases (private, or in a directory of root's).
    path, kind, *rest = marshal.loads(value)  # noqa: S302
    return _new(Entry, (path, _KINDS[kind], *rest))


def _history_row(path: str, steps: tuple[LayerStep, ...]) -> bytes:
    values = [
        (step.layer, str(step.change), step.fields, str(step.kind or ""), step.size)
        for step in steps
    ]
    return marshal.dumps((path, values))


def _history(value: bytes) -> tuple[str, tuple[LayerStep, ...]]:
    path, values = marshal.loads(value)  # noqa: S302 - as in _entry
    return path, tuple(
        LayerStep(layer, _CHANGES[change], fields, _KINDS.get(kind), size)
        for layer, change, fields, kind, size in values
    )


def _normal(entry: Entry) -> bytes:
    path, kind, mode, uid, gid, size, sha256, target, device, xattrs, _, links, *_ = entry
    numbers = "" if device is None else f"{device[0]}:{device[1]}"
    text = (
        f"{path}\0{kind}\0{mode:04o} {uid} {gid} {size}\0{sha256 or ''}\0{target or ''}"
        f"\0{numbers}\0{links or ''}"
    )
    for name, value in xattrs:
        text += f"\0{name}={value.hex()}"
    return os.fsencode(f"{text}\n\0")
