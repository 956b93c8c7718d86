"""apk: one text file has all packages and their paths (apk-tools, "installed" database).

``P:`` name, ``V:`` version, ``F:`` a directory, ``R:`` a file in it; an empty line ends a package.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import IO

from scratchlab.collect.root_files import RootFiles

_DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_MOST = 64 << 20  # bytes
_MOST_LINE = 8192
_SPOOLED = 1 << 20


def owners(files: RootFiles, wanted: frozenset[str]) -> dict[str, str]:
    """The package (name and version) of each of ``wanted`` that one of apk's owns."""
    found: dict[str, str] = {}
    for database in _DATABASES:
        with tempfile.SpooledTemporaryFile(_SPOOLED) as text:
            if files.copy(database, _MOST, text):
                text.seek(0)
                found |= {path: name for path, name in parse_installed(text) if path in wanted}
    return found


def parse_installed(text: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Each path in the database, with the name and version of its package."""
    name = version = directory = ""
    while line := text.readline(_MOST_LINE):
        key, value = line[:2], os.fsdecode(line[2:].rstrip(b"\n"))
        if key == b"P:":
            name, version, directory = value, "", ""
        elif key == b"V:":
            version = value
        elif key == b"F:":
            directory = value
        elif key == b"R:":
            above = f"/{directory}" if directory else ""
            yield f"{above}/{value}", f"{name} {version}".strip()
