"""From the agent's records to a live ledger, the same that the reader on the host makes."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace

from scratchlab.collect.debug.owners import Owners
from scratchlab.collect.debug.stream import Connection, Record
from scratchlab.collect.live.entries import entry
from scratchlab.collect.live.limits import ENTRY_COST, Limits
from scratchlab.collect.live.links import LinkSets
from scratchlab.collect.live.look import Look
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry

_LOOK = struct.Struct("<10Q2qQ")
_LENGTH = struct.Struct("<I")
_BUFFER = 512


def look(packed: bytes) -> Look:
    """A look in the form that the agent tells it (agent/look.go, pack)."""
    (
        mode, uid, gid, size, links, inode, major, minor, special_major, special_minor,
        mtime, ctime, mount,
    ) = _LOOK.unpack(packed)  # fmt: skip
    device, special = (major, minor), (special_major, special_minor)
    return Look(mode, uid, gid, size, links, inode, device, special, mtime, ctime, mount)


class Reading:
    """One reading of one tree, as the agent walks it."""

    def __init__(
        self, owners: Owners, limits: Limits, progress: Callable[[int], None] | None
    ) -> None:
        self._owners = owners
        self._limits = limits
        self._progress = progress
        self._ledger = Ledger()
        self._links = LinkSets()
        self._above: list[Entry] = []  # the folders that the walk is in
        self._ready: list[Entry] = []
        self._count = 0
        self._cost = 0

    def read(self, connection: Connection) -> Ledger:
        """Take records until the tree is complete; raises LabError where it ends before."""
        try:
            self._take(connection.next())
            while self._above:
                self._take(connection.next())
            self._flush()
            self._links.settle(self._ledger)
        except BaseException:
            self._ledger.close()
            raise
        finally:
            self._links.close()
        return self._ledger

    def _take(self, record: Record) -> None:
        if record.letter == b"U":
            folder = self._above.pop()
            note = _text(record.body)
            self._keep(replace(folder, note=note) if note else folder)
        elif record.letter == b"D":
            self._above.append(self._entry(record.body))
        elif record.letter == b"E":
            self._keep(self._entry(record.body))
        elif record.letter != b"T":
            raise LabError("the debug container sent what is no entry")

    def _entry(self, body: bytes) -> Entry:
        try:
            seen = look(body[: _LOOK.size])
            several = body[_LOOK.size] == 1
            name, note, digest, target, *attributes = _fields(body, _LOOK.size + 1)
            seen = self._owners.mapped(seen)
            found = entry(
                self._path(name),
                seen,
                tuple(
                    (os.fsdecode(key), value)
                    for key, value in zip(attributes[::2], attributes[1::2], strict=True)
                ),
                sha256=digest.hex() or None,
                note=_text(note) or None,
                target=os.fsdecode(target) if stat.S_ISLNK(seen.mode) else None,
            )
        except (struct.error, ValueError, LookupError, OverflowError) as error:
            raise LabError(f"the debug container sent a damaged entry: {error}") from error
        if several:
            self._links.add(seen, found.path)
        return found

    def _path(self, name: bytes) -> str:
        if not self._above:
            return "/"
        if name in (b"", b".", b"..") or b"/" in name:
            raise ValueError("a name that is none")
        above = self._above[-1].path
        return f"{'' if above == '/' else above}/{os.fsdecode(name)}"

    def _keep(self, one: Entry) -> None:
        self._ready.append(one)
        self._cost += len(one.path) + sum(len(value) for _, value in one.xattrs) + ENTRY_COST
        if self._cost > self._limits.ledger_bytes:
            raise self._limits.too_many()
        if len(self._ready) >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        self._ledger.update(self._ready)
        self._count += len(self._ready)
        self._ready.clear()
        if self._progress is not None:
            self._progress(self._count)


def _fields(body: bytes, at: int) -> Iterator[bytes]:
    while at < len(body):
        (size,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        if at + size > len(body):
            raise ValueError("a field longer than its record")
        yield body[at : at + size]
        at += size


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")
