"""dpkg: ``info/PACKAGE.list`` lists a package's paths, ``status`` its version (deb, dpkg(1)).

Distroless images have ``status.d/NAME`` and ``status.d/NAME.md5sums`` instead.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from scratchlab.collect.root_files import RootFiles

_DIRECTORY = "/var/lib/dpkg"
_MOST_NAMES = 200_000
_MOST_LIST = 32 << 20  # bytes
_MOST_STATUS = 64 << 20
_MOST_LINE = 8192
_MOST_READ = 256 << 20  # bytes of all lists
_SPOOLED = 1 << 20


def owners(files: RootFiles, wanted: frozenset[str]) -> dict[str, str]:
    """The package (name and version) of each of ``wanted`` that one of dpkg's owns."""
    found = _listed(files, f"{_DIRECTORY}/info", ".list", wanted)
    if found:
        versions = _versions(files, f"{_DIRECTORY}/status", frozenset(found.values()))
        return {path: _called(package, versions.get(package)) for path, package in found.items()}
    found = _listed(files, f"{_DIRECTORY}/status.d", ".md5sums", wanted)
    versions = {}
    for name in sorted(set(found.values())):
        versions |= _versions(files, f"{_DIRECTORY}/status.d/{name}", frozenset([name]))
    return {path: _called(package, versions.get(package)) for path, package in found.items()}


def _listed(
    files: RootFiles, directory: str, ending: str, wanted: frozenset[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    left = _MOST_READ
    for name in files.names(directory, _MOST_NAMES) or ():
        if not name.endswith(ending) or left <= 0:
            continue
        with tempfile.SpooledTemporaryFile(_SPOOLED) as text:
            if not files.copy(f"{directory}/{name}", min(_MOST_LIST, left), text):
                continue
            left -= text.tell()
            text.seek(0)
            for path in parse_list(text, ending):
                if path in wanted:
                    found.setdefault(path, name.removesuffix(ending))
    return found


def _versions(files: RootFiles, path: str, packages: frozenset[str]) -> dict[str, str]:
    with tempfile.SpooledTemporaryFile(_SPOOLED) as text:
        if not files.copy(path, _MOST_STATUS, text):
            return {}
        text.seek(0)
        return {name: version for name, version in parse_status(text) if name in packages}


def _called(package: str, version: str | None) -> str:
    return f"{package} {version}" if version else package


def parse_list(lines: Iterable[bytes], ending: str = ".list") -> Iterator[str]:
    """The paths in a ``.list`` (one a line) or ``.md5sums`` (after the digest, without a slash)."""
    for line in lines:
        text = os.fsdecode(line.rstrip(b"\n"))
        if ending == ".md5sums":
            text = f"/{text[34:]}"
        if text.startswith("/"):
            yield text


def parse_status(text: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Name (as in the names of ``.list`` files, ``libc6`` and ``libc6:amd64``) and version of each
    package of a ``status`` file.
    """
    fields: dict[bytes, str] = {}
    while True:
        line = text.readline(_MOST_LINE)
        if not line.strip():
            name, version = fields.get(b"Package"), fields.get(b"Version")
            if name and version:
                yield name, version
                if b"Architecture" in fields:
                    yield f"{name}:{fields[b'Architecture']}", version
            fields = {}
            if not line:
                return
        key, colon, value = line.partition(b":")
        if colon and key in (b"Package", b"Version", b"Architecture"):
            fields[key] = os.fsdecode(value.strip())
