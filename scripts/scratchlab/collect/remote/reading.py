"""What the agent says, over the engine's attached connection: frames, and in them records."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Self

from scratchlab.collect.live.limits import ENTRY_COST, WalkLimits
from scratchlab.collect.live.links import LinkSets
from scratchlab.collect.live.look import Look, entry
from scratchlab.errors import LabError
from scratchlab.idmap import OVERFLOW, IdRanges, outside
from scratchlab.ledger import Ledger
from scratchlab.model import Entry

_FRAME = struct.Struct(">B3xI")  # Docker Engine API, "attach to a container", stream format
_RECORD = struct.Struct("<cI")
_OUT, _ERR = 1, 2
_SILENCE = 60.0  # seconds: the agent says at least every 2 s that it reads on
_MOST_BYTES = 64 << 20  # of one record: a long mountinfo; an entry has less than one MiB
_MOST_ERRORS = 4096


class OwnerMap(NamedTuple):
    """Maps ids that stat(2) returned inside of a user namespace to those outside of it.

    Without ranges nothing is mapped: the agent saw the host's ids.
    """

    uids: IdRanges = ()
    gids: IdRanges = ()

    def mapped(self, seen: Look) -> Look:
        """The look with the owner that a reader outside would see.

        An id without a mapping shows as 65534 inside (user_namespaces(7)). Its owner cannot be
        known, so it stays.
        """
        return seen._replace(uid=_outside(seen.uid, self.uids), gid=_outside(seen.gid, self.gids))


def _outside(number: int, ranges: IdRanges) -> int:
    found = None if number == OVERFLOW else outside(number, ranges)
    return number if found is None else found


class AgentRecord(NamedTuple):
    """One record: its letter (see agent/output.go and agent/walk.go) and its body."""

    letter: bytes
    body: bytes


class Connection:
    """The agent's standard streams. Leaving the ``with`` block ends them."""

    def __init__(self, attached: Any) -> None:
        # The SDK gives a SocketIO, or the bare TLS socket; it must live as long as we read.
        self._attached = attached
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._socket.settimeout(_SILENCE)
        self._frames = _Frames(self._socket)
        self._out = io.BufferedReader(self._frames, 1 << 16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._attached.close()
        self._socket.close()

    def go(self) -> None:
        """Let the agent go on to the next step."""
        try:
            self._socket.sendall(b"\n")
        except OSError as error:
            raise self._broken() from error

    def next(self) -> AgentRecord:
        """The next record. Raises LabError where there is none, or none for a minute."""
        try:
            head = self._exactly(_RECORD.size)
            letter, size = _RECORD.unpack(head)
            if size > _MOST_BYTES:
                raise LabError(f"the debug container sent a record of {size} bytes")
            body = self._exactly(size)
        except TimeoutError as error:
            raise LabError(
                f"the debug container said nothing for {_SILENCE:.0f} s: a filesystem of the"
                " container does not answer",
                "see its mounts: scratchlab why CONTAINER /",
            ) from error
        except OSError as error:
            raise self._broken() from error
        if letter == b"X":
            raise LabError(f"the debug container could not read on: {_words(body)}")
        return AgentRecord(letter, body)

    def _exactly(self, size: int) -> bytes:
        data = self._out.read(size)
        if data is None or len(data) < size:
            raise self._broken()
        return data

    def _broken(self) -> LabError:
        said = _words(bytes(self._frames.errors))
        return LabError(
            "the debug container ended before it had told all" + (f": {said}" if said else ""),
            "see whether the container that is examined still runs, then run it again",
        )


class _Frames(io.RawIOBase):
    """Standard output out of the frames that the engine wraps around both outputs."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._socket = connection
        self._left = 0
        self.errors = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            head = self._exactly(_FRAME.size)
            if not head:
                return 0
            kind, size = _FRAME.unpack(head)
            if kind == _OUT:
                self._left = size
            elif kind == _ERR:
                self.errors += self._exactly(size)
                del self.errors[_MOST_ERRORS:]
            else:
                raise LabError("the engine's answer to attach has no frames: it is no Docker API")
        count = self._socket.recv_into(buffer, min(len(buffer), self._left))
        self._left = self._left - count if count else 0
        return count

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._socket.recv(min(size - len(data), 1 << 16))
            if not part:
                return b""
            data += part
        return bytes(data)


def _words(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "surrogateescape").split())[:400]


# From the agent's records to a live ledger, the same that the reader on the host makes.


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
        self, owners: OwnerMap, limits: WalkLimits, progress: Callable[[int], None] | None
    ) -> None:
        self._owners = owners
        self._limits = limits
        self._progress = progress
        self._ledger = Ledger()
        self._links = LinkSets()
        self._above: list[Entry] = []  # the directories that the walk is in
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

    def _take(self, record: AgentRecord) -> None:
        if record.letter == b"U":
            directory = self._above.pop()
            note = _text(record.body)
            self._keep(replace(directory, note=note) if note else directory)
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
