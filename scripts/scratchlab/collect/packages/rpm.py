"""rpm: a SQLite database whose rows are package headers (rpm 4.16 and later: ``rpmdb.sqlite``).

A header is an index of 16-byte entries and the data that they point into (rpm docs/manual/
format_header.md). The older Berkeley DB and SUSE's ndb are not read.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing

from scratchlab.collect.root_files import RootFiles

_DATABASES = ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite")
_MOST = 512 << 20  # bytes
_MOST_HEADER = 64 << 20
_STEPS = 200_000_000  # of SQLite's machine: a hostile schema could loop for ever
_STEPS_AT_ONCE = 1_000_000
_INDEX = struct.Struct(">4I")  # tag, type, offset, count
_COUNTS = struct.Struct(">2I")  # index entries, bytes of data
_NAME, _VERSION, _RELEASE = 1000, 1001, 1002
_DIRECTORY_INDEXES, _BASE_NAMES, _DIRECTORIES = 1116, 1117, 1118
_INT32, _STRING, _STRINGS, _I18N = 4, 6, 8, 9


def owners(files: RootFiles, wanted: frozenset[str]) -> dict[str, str]:
    """The package (name, version and release) of each of ``wanted`` that one of rpm's owns."""
    found: dict[str, str] = {}
    for database in _DATABASES:
        with tempfile.NamedTemporaryFile(prefix="scratchlab-rpm-") as copy:
            if files.copy(database, _MOST, copy):
                copy.flush()
                for header in _headers(copy.name):
                    package, paths = parse_header(header)
                    found |= dict.fromkeys((path for path in paths if path in wanted), package)
    return found


def _headers(database: str) -> Iterator[bytes]:
    """The rows of a database that the container wrote: SQLite's own advice for those is followed
    (sqlite.org/security.html).
    """
    steps = iter(range(_STEPS // _STEPS_AT_ONCE))
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_HEADER)
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("PRAGMA cell_size_check=ON")
            db.execute("PRAGMA cache_size=-2048")
            db.set_progress_handler(lambda: next(steps, None) is None, _STEPS_AT_ONCE)
            for (blob,) in db.execute("SELECT blob FROM Packages"):
                if isinstance(blob, bytes):
                    yield blob
    except sqlite3.Error:
        return


def parse_header(header: bytes) -> tuple[str, Iterator[str]]:
    """Name, version and release of a package, and its paths. A damaged header has none."""
    values = _values(header)
    words = [_text(values.get(tag, [b""])) for tag in (_NAME, _VERSION, _RELEASE)]
    name, version, release = words
    package = f"{name} {version}-{release}"
    return package, _paths(values)


def _text(values: list[bytes] | list[int]) -> str:
    first = values[0] if values else b""
    return os.fsdecode(first) if isinstance(first, bytes) else ""


def _paths(values: dict[int, list[bytes] | list[int]]) -> Iterator[str]:
    directories = values.get(_DIRECTORIES, [])
    names = values.get(_BASE_NAMES, [])
    for name, index in zip(names, values.get(_DIRECTORY_INDEXES, []), strict=False):
        if isinstance(index, int) and index < len(directories):
            directory = directories[index]
            if isinstance(name, bytes) and isinstance(directory, bytes):
                yield os.fsdecode(directory + name)


def _values(header: bytes) -> dict[int, list[bytes] | list[int]]:
    """The values of the tags that are needed; what points outside of the data is left out."""
    if len(header) < _COUNTS.size:
        return {}
    count, size = _COUNTS.unpack_from(header)
    start = _COUNTS.size + count * _INDEX.size
    if start > len(header):
        return {}
    data = header[start : start + size]
    found: dict[int, list[bytes] | list[int]] = {}
    for number in range(count):
        tag, kind, offset, items = _INDEX.unpack_from(header, _COUNTS.size + number * _INDEX.size)
        if offset >= len(data) or items > len(data):
            continue
        if tag == _DIRECTORY_INDEXES and kind == _INT32:
            whole = data[offset : offset + 4 * items]
            found[tag] = list(struct.unpack(f">{len(whole) // 4}I", whole[: len(whole) // 4 * 4]))
        elif tag in (_NAME, _VERSION, _RELEASE) and kind in (_STRING, _I18N):
            found[tag] = [data[offset : offset + 1024].split(b"\0", 1)[0]]
        elif tag in (_BASE_NAMES, _DIRECTORIES) and kind == _STRINGS:
            found[tag] = data[offset:].split(b"\0", items)[:items]
    return found
