"""A debug container's output is not trusted: damage is one LabError, never a wrong ledger."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from scratchlab.collect.live.limits import WalkLimits
from scratchlab.collect.remote import protocol
from scratchlab.collect.remote.protocol import Connection, LedgerReader, OwnerMap
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Kind

DIRECTORY, FILE, LINK = 0o040755, 0o100644, 0o120777


def status(mode: int, *, size: int = 0, links: int = 1, inode: int = 1, uid: int = 0) -> bytes:
    return struct.pack("<10Q2qQ", mode, uid, 0, size, links, inode, 8, 1, 0, 0, 5, 6, 42)


def record(letter: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<cI", letter, len(body)) + body


def entry(
    letter: bytes, name: bytes, packed: bytes, *fields: bytes, several: bool = False
) -> bytes:
    note, digest, target, *attributes = (*fields, b"", b"", b"")[: max(3, len(fields))]
    body = packed + bytes([several])
    for field in (name, note, digest, target, *attributes):
        body += struct.pack("<I", len(field)) + field
    return record(letter, body)


def frame(data: bytes, kind: int = 1) -> bytes:
    return struct.pack(">B3xI", kind, len(data)) + data


@contextmanager
def connected(data: bytes) -> Iterator[Connection]:
    near, far = socket.socketpair()
    with far:
        far.sendall(data)
        far.shutdown(socket.SHUT_WR)
        with Connection(near) as connection:
            yield connection


def read(data: bytes, owners: OwnerMap | None = None, limits: WalkLimits | None = None) -> Ledger:
    with connected(data) as connection:
        return LedgerReader(owners or OwnerMap(), limits or WalkLimits(), None).read(connection)


DIGEST = hashlib.sha256(b"x").digest()
TREE = b"".join(
    [
        entry(b"D", b"", status(DIRECTORY)),
        entry(b"E", b"\xff\n", status(FILE, size=1, links=2, inode=7), b"", DIGEST, several=True),
        record(b"T"),
        entry(b"D", b"etc", status(DIRECTORY), b"", b"", b"", b"user.a", b"1\0"),
        entry(b"E", b"mtab", status(LINK), b"", b"", b"/proc/mounts"),
        entry(b"E", b"same", status(FILE, size=1, links=2, inode=7), several=True),
        record(b"U", b"changed while read"),
        record(b"U"),
    ]
)


def test_tree_becomes_a_ledger() -> None:
    with read(frame(TREE)) as ledger:
        assert [entry.path for entry in ledger] == [
            "/",
            "/etc",
            "/etc/mtab",
            "/etc/same",
            "/\udcff\n",
        ]
        etc, mtab, same = (ledger.get(path) for path in ("/etc", "/etc/mtab", "/etc/same"))
    assert etc is not None
    assert (etc.note, etc.xattrs, etc.mount) == ("changed while read", (("user.a", b"1\0"),), 42)
    assert mtab is not None
    assert (mtab.kind, mtab.target) == (Kind.SYMLINK, "/proc/mounts")
    assert same is not None
    assert (same.sha256, same.links) == (DIGEST.hex(), "/etc/same")


def test_records_may_span_frames_mixed_with_standard_error() -> None:
    with read(frame(TREE)) as whole:
        expected = whole.digest()
    pieces = b"".join(frame(TREE[i : i + 1]) + frame(b"oops", 2) for i in range(len(TREE)))
    with read(pieces) as ledger:
        assert ledger.digest() == expected


@pytest.mark.parametrize("cut", range(0, len(TREE), 13))
def test_early_end_is_reported(cut: int) -> None:
    with pytest.raises(LabError, match="ended before the reading was complete: out of memory"):
        read(frame(TREE[:cut]) + frame(b"out of\nmemory", 2))


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/"])
def test_malformed_name_is_refused(name: bytes) -> None:
    root = entry(b"D", b"", status(DIRECTORY))
    with pytest.raises(LabError, match="damaged entry"):
        read(frame(root + entry(b"E", name, status(FILE)) + record(b"U")))


def test_oversized_record_is_refused() -> None:
    with pytest.raises(LabError, match="a record of 4294967295 bytes"):
        read(frame(struct.pack("<cI", b"E", 2**32 - 1)))


def test_missing_frames_are_reported() -> None:
    with pytest.raises(LabError, match="has no frames"):
        read(b"HTTP/1.1 200 OK\r\n\r\n")


def test_failure_of_the_agent_is_reported() -> None:
    with pytest.raises(LabError, match="cannot continue: out of resources"):
        read(frame(record(b"X", b"out of resources")))


def test_silence_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_SILENCE", 0.05)
    near, far = socket.socketpair()
    with far, Connection(near) as connection, pytest.raises(LabError, match="was silent for"):
        connection.next()


def test_oversized_tree_is_refused() -> None:
    with pytest.raises(LabError, match="holds more names than 600 bytes can list"):
        read(frame(TREE), limits=WalkLimits(ledger_bytes=600))


def test_owners_are_those_outside_the_user_namespace() -> None:
    mapping = ((0, 100000, 65536),)
    data = entry(b"D", b"", status(DIRECTORY, uid=33)) + record(b"U")
    with read(frame(data), OwnerMap(mapping, mapping)) as ledger:
        root = ledger.get("/")
    assert root is not None
    assert (root.uid, root.gid) == (100033, 100000)


def test_damaged_output_is_a_ledger_or_a_lab_error() -> None:
    """Many damaged streams; none hangs or raises another error."""
    chance = random.Random(6)
    good = frame(TREE)
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(LabError):
            read(bytes(data)).close()


_CLOSE = """\
import gc, http.client, socket
from types import SimpleNamespace
from scratchlab.collect.remote.protocol import Connection

engine, ours = socket.socketpair()
engine.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/vnd.docker.raw-stream\\r\\n\\r\\n")
answer = http.client.HTTPResponse(ours)
answer.begin()
attached = answer.fp.raw
attached._response = SimpleNamespace(close=answer.close)  # as docker-py's api/client.py
with Connection(attached):
    pass
del answer, attached
gc.collect()
"""


def test_the_answer_is_closed_before_its_socket() -> None:
    """Python 3.14 prints what goes wrong when it finalizes a file; older ones with -X dev."""
    program = [sys.executable, "-X", "dev", "-W", "ignore", "-c", _CLOSE]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "scripts")}
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""


def test_directories_with_several_links_are_noted() -> None:
    tree = b"".join(
        [
            entry(b"D", b"", status(DIRECTORY, links=3)),
            entry(b"E", b"f", status(FILE, links=2), several=True),
            entry(b"D", b"one", status(DIRECTORY)),
            record(b"U"),
            entry(b"D", b"two", status(DIRECTORY, links=2)),
            record(b"U"),
            record(b"U"),
        ]
    )
    reader = LedgerReader(OwnerMap(), WalkLimits(), None)
    with connected(frame(tree)) as connection, reader.read(connection):
        assert reader.several_links == {"/", "/two"}
