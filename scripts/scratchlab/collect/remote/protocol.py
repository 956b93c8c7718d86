"""The agent's output: frames of the engine, in them records, and the live ledger made of those.

The other side is ``agent/output.go`` and ``agent/walk.go``.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from scratchlab import deadlines
from scratchlab.collect.live.file_status import FileStatus, to_entry
from scratchlab.collect.live.limits import ENTRY_COST, WalkLimits
from scratchlab.collect.live.links import LinkSets
from scratchlab.collect.live.user_data import MOST_NAMES, UserDataPlan, targets_of_others
from scratchlab.deadlines import allowed
from scratchlab.errors import LabError
from scratchlab.idmap import OVERFLOW, IdRanges, outside
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Mount
from scratchlab.reading import UserData

_FRAME = struct.Struct(">B3xI")  # Docker Engine API, "Attach to a container", stream format
_RECORD = struct.Struct("<cI")
_REQUEST = struct.Struct("<cQI")
_OUT, _ERR = 1, 2
_SILENCE = 60.0  # seconds; the agent sends a record at least every 2 s
_MOST_BYTES = 64 << 20  # in one record: a long mountinfo; an entry has less than one MiB
_MOST_ERRORS = 4096  # bytes of standard error
_STATUS = struct.Struct("<10Q2qQ")
_LENGTH = struct.Struct("<I")
_BUFFER = 512  # entries


class OwnerMap(NamedTuple):
    """Maps ids from inside a user namespace to those outside.

    Without ranges nothing is mapped: the agent reports the host's ids.
    """

    uids: IdRanges = ()
    gids: IdRanges = ()

    def mapped(self, status: FileStatus) -> FileStatus:
        """``status`` with the owner as it is outside the user namespace.

        An id without a mapping shows as 65534 inside (user_namespaces(7)). Its owner is unknown,
        so it stays.
        """
        uid, gid = _outside(status.uid, self.uids), _outside(status.gid, self.gids)
        return status._replace(uid=uid, gid=gid)


def _outside(number: int, ranges: IdRanges) -> int:
    mapped = None if number == OVERFLOW else outside(number, ranges)
    return number if mapped is None else mapped


class AgentRecord(NamedTuple):
    """One record: its letter (see ``agent/output.go``) and its body."""

    letter: bytes
    body: bytes


class Connection:
    """The agent's standard streams. Leaving the ``with`` block ends them."""

    def __init__(self, attached: Any) -> None:
        # The SDK returns a SocketIO or the bare TLS socket; it must live as long as we read.
        self._attached = attached
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._socket.settimeout(allowed(_SILENCE))
        self._frames = _Frames(self._socket)
        self._out = io.BufferedReader(self._frames, 1 << 16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # The SDK ties its HTTP response, a buffered file, to what it returns (docker-py 7.1
        # api/client.py). Finalized after its socket was closed, it fails: Python 3.14 prints that.
        response = getattr(self._attached, "_response", None)
        if response is not None:
            response.close()
        self._out.close()
        self._attached.close()
        self._socket.close()

    def start_walk(self, plan: bytes) -> None:
        """Let the agent read the root; ``plan``: see :func:`pack_plan`. Raises LabError."""
        try:
            self._socket.sendall(_LENGTH.pack(len(plan)) + plan)
        except OSError as error:
            raise self._broken() from error

    def request(self, letter: bytes, number: int, path: bytes) -> None:
        """Ask for something of the file at ``path`` (see ``agent/files.go``). Raises LabError."""
        try:
            self._socket.sendall(_REQUEST.pack(letter, number, len(path)) + path)
        except OSError as error:
            raise self._broken() from error

    def answer(self) -> Iterator[bytes | None]:
        """The parts of the answer to the oldest request; the last is None where there is none, or
        not all of it. Raises LabError.
        """
        while (record := self.next()).letter in (b"P", b"T"):
            if record.letter == b"P":
                yield record.body
        if record.letter not in (b"A", b"B"):
            raise LabError("the debug container sent a record that is no answer")
        if record.letter == b"B":
            yield None

    def next(self) -> AgentRecord:
        """The next record. Raises LabError when the agent failed, ended or was silent."""
        try:
            head = self._exactly(_RECORD.size)
            letter, size = _RECORD.unpack(head)
            if size > _MOST_BYTES:
                raise LabError(f"the debug container sent a record of {size} bytes")
            body = self._exactly(size)
        except TimeoutError as error:
            raise LabError(
                f"the debug container was silent for {allowed(_SILENCE):.3g} s: a filesystem of the"
                " container does not answer, or this machine is slow or busy",
                deadlines.longer("list its mounts: scratchlab why CONTAINER /"),
            ) from error
        except OSError as error:
            raise self._broken() from error
        if letter == b"X":
            raise LabError(f"the debug container cannot continue: {_one_line(body)}")
        return AgentRecord(letter, body)

    def _exactly(self, size: int) -> bytes:
        data = self._out.read(size)
        if data is None or len(data) < size:
            raise self._broken()
        return data

    def _broken(self) -> LabError:
        errors = _one_line(bytes(self._frames.errors))
        return LabError(
            "the debug container ended before the reading was complete"
            + (f": {errors}" if errors else ""),
            "check whether the examined container still runs, then run this again",
        )


class _Frames(io.RawIOBase):
    """Standard output, taken from the frames in which the engine sends both output streams."""

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
                raise LabError("the engine's answer to attach has no frames: not a Docker API")
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


def _one_line(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "surrogateescape").split())[:400]


def unpack_status(packed: bytes) -> FileStatus:
    """The file status in the form in which the agent sends it (``pack`` in agent/linux.go)."""
    (
        mode, uid, gid, size, links, inode, major, minor, special_major, special_minor,
        mtime, ctime, mount,
    ) = _STATUS.unpack(packed)  # fmt: skip
    device, special = (major, minor), (special_major, special_minor)
    return FileStatus(mode, uid, gid, size, links, inode, device, special, mtime, ctime, mount)


def pack_plan(plan: UserDataPlan, visible: Mapping[str, Mount], image: Ledger | None) -> bytes:
    """How much of the user's data the agent is to read (``readPlan`` in agent/user.go).

    ``visible`` are the mounts that a path can reach, by target; ``image`` is what files on volumes
    are compared with.
    """
    mounts = plan.mounts
    most = plan.most if plan.mode is UserData.LIST else 0
    fields: list[str | int] = [most, MOST_NAMES, len(mounts)]
    for mount in mounts:
        fields += [mount.mount, mount.target, int(mount.is_volume), len(mount.members)]
        fields += mount.members
    fields.append(str(plan.mode))
    ways = targets_of_others(mounts, visible)
    fields += [len(ways), *ways]
    files: list[str | int] = []
    for mount in mounts:
        listed = mount.is_volume and most and image is not None
        for entry in image.below(mount.target) if listed and image is not None else ():
            if entry.kind is Kind.FILE:
                files += [entry.path, entry.size]
    fields += [len(files) // 2, *files]
    return b"".join(os.fsencode(str(field)) + b"\0" for field in fields)


class LedgerReader:
    """Makes the live ledger of one tree from the agent's records."""

    def __init__(
        self, owners: OwnerMap, limits: WalkLimits, progress: Callable[[int], None] | None
    ) -> None:
        self._owners = owners
        self._limits = limits
        self._progress = progress
        self._ledger = Ledger()
        self._links = LinkSets()
        self._above: list[Entry] = []  # the directories in which the walk is
        self._ready: list[Entry] = []
        self._count = 0
        self._cost = 0
        self.several_links: set[str] = set()  # directories with more than one link

    def read(self, connection: Connection) -> Ledger:
        """Read records until the tree is complete; raises LabError when they end earlier."""
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
            self._keep(directory._replace(note=note) if note else directory)
        elif record.letter == b"D":
            self._above.append(self._entry(record.body))
        elif record.letter == b"E":
            self._keep(self._entry(record.body))
        elif record.letter != b"T":
            raise LabError("the debug container sent a record that is not an entry")

    def _entry(self, body: bytes) -> Entry:
        try:
            status = unpack_status(body[: _STATUS.size])
            several = body[_STATUS.size] == 1
            name, note, digest, target, *attributes = _fields(body, _STATUS.size + 1)
            status = self._owners.mapped(status)
            entry = to_entry(
                self._path(name),
                status,
                tuple(
                    (os.fsdecode(key), value)
                    for key, value in zip(attributes[::2], attributes[1::2], strict=True)
                ),
                sha256=digest.hex() or None,
                note=_text(note) or None,
                target=os.fsdecode(target) if stat.S_ISLNK(status.mode) else None,
            )
        except (struct.error, ValueError, LookupError, OverflowError) as error:
            raise LabError(f"the debug container sent a damaged entry: {error}") from error
        if several:
            self._links.add(status, entry.path)
        if status.links > 1 and entry.kind is Kind.DIRECTORY:
            self.several_links.add(entry.path)
        return entry

    def _path(self, name: bytes) -> str:
        if not self._above:
            return "/"
        if name in (b"", b".", b"..") or b"/" in name:
            raise ValueError("a malformed name")
        above = self._above[-1].path
        return f"{'' if above == '/' else above}/{os.fsdecode(name)}"

    def _keep(self, entry: Entry) -> None:
        self._ready.append(entry)
        self._cost += len(entry.path) + sum(len(value) for _, value in entry.xattrs) + ENTRY_COST
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
