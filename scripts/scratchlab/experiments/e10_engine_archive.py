"""E10 where the engine is elsewhere: the archive that the engine itself makes of a container.

`docker export` holds the container's own files, without anything that is mounted over them.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

from scratchlab.errors import LabError
from scratchlab.lab.listing import ListedEntry
from scratchlab.model import Kind

MOST_BYTES = 1 << 30  # of the archive; the lab's container has a megabyte
_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.CHRTYPE: Kind.CHAR,
    tarfile.BLKTYPE: Kind.BLOCK,
    tarfile.FIFOTYPE: Kind.FIFO,
}


class _Stream(io.RawIOBase):
    """The chunks of an answer as a file. Raises LabError beyond MOST_BYTES."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = b""
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            self._rest = next(self._chunks, b"")
            if not self._rest:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        self._read += count
        if self._read > MOST_BYTES:
            raise LabError(f"the engine's archive of the container is larger than {MOST_BYTES} B")
        return count


def entries(chunks: Iterable[bytes]) -> tuple[ListedEntry, ...]:
    """The entries of an archive, sorted by path. Raises LabError if it is damaged."""
    found: dict[str, ListedEntry] = {}
    try:
        with tarfile.open(
            fileobj=io.BufferedReader(_Stream(chunks)), mode="r|", errors="surrogateescape"
        ) as tar:
            for member in tar:
                entry = _entry(tar, member, found)
                found[entry.path] = entry
    except (tarfile.TarError, EOFError) as error:
        raise LabError(f"the engine's archive of the container is damaged: {error}") from error
    return tuple(sorted(found.values(), key=lambda entry: os.fsencode(entry.path)))


def _entry(
    tar: tarfile.TarFile, member: tarfile.TarInfo, found: dict[str, ListedEntry]
) -> ListedEntry:
    path = _path(member.name)
    if member.type == tarfile.LNKTYPE:
        if first := found.get(_path(member.linkname)):
            return replace(first, path=path)
        raise LabError(f"in the engine's archive {path} is a link to what it does not hold")
    if member.type not in _KINDS:
        raise LabError(f"in the engine's archive {path} has the unknown type {member.type!r}")
    kind, digest = _KINDS[member.type], None
    if kind is Kind.FILE and (file := tar.extractfile(member)) is not None:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return ListedEntry(
        path=path,
        kind=str(kind),
        mode=stat.S_IMODE(member.mode),
        uid=member.uid,
        gid=member.gid,
        size=member.size if kind is Kind.FILE else 0,
        sha256=digest,
        target=member.linkname if kind is Kind.SYMLINK else None,
        device=(member.devmajor, member.devminor) if kind in (Kind.CHAR, Kind.BLOCK) else None,
    )


def _path(name: str) -> str:
    return "/" + name.removeprefix("./").strip("/") if name != "." else "/"
