"""Which package owns a path: databases as dpkg, apk and rpm write them, and damaged ones."""

from __future__ import annotations

import io
import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.collect import changes, packages
from scratchlab.collect.host_files import HostRootFiles
from scratchlab.collect.live.closed import closed_ways
from scratchlab.collect.live.file_status import mount_id_of
from scratchlab.collect.packages import apk, dpkg, rpm
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Mount

WANTED = frozenset({"/usr/bin/tool", "/etc/tool.conf", "/etc/other"})


@pytest.fixture
def files(tmp_path: Path) -> Iterator[HostRootFiles]:
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    top = Mount(mount_id_of(fd), 0, (0, 5), "/", "/", (), (), "ext4", "", ())
    served = replace(top, id=-1, parent=top.id, target="/closed", fstype="fuse")
    yield HostRootFiles(fd, closed_ways([top, served], top.id))
    os.close(fd)


def put(root: Path, path: str, content: str | bytes) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


# -- the managers -----------------------------------------------------------------------------


def test_dpkg(tmp_path: Path, files: HostRootFiles) -> None:
    put(tmp_path, "/var/lib/dpkg/info/tool:amd64.list", "/.\n/usr\n/usr/bin/tool\n")
    put(tmp_path, "/var/lib/dpkg/info/tool-common.list", "/etc/tool.conf\n")
    put(tmp_path, "/var/lib/dpkg/info/tool.md5sums", "x")
    status = "Package: tool\nArchitecture: amd64\nVersion: 1:2-3\nDescription: x\n Package: no\n\n"
    put(tmp_path, "/var/lib/dpkg/status", status)
    assert packages.owners(files, WANTED) == {
        "/usr/bin/tool": "dpkg: tool:amd64 1:2-3",
        "/etc/tool.conf": "dpkg: tool-common",
    }


def test_dpkg_without_its_lists(tmp_path: Path, files: HostRootFiles) -> None:
    put(tmp_path, "/var/lib/dpkg/status.d/tool.md5sums", f"{'0' * 32}  usr/bin/tool\n")
    put(tmp_path, "/var/lib/dpkg/status.d/tool", "Package: tool\nVersion: 4")
    assert packages.owners(files, WANTED) == {"/usr/bin/tool": "dpkg: tool 4"}


def test_apk(tmp_path: Path, files: HostRootFiles) -> None:
    text = "P:base\nV:1\nF:etc\nR:other\nZ:x\n\nP:tool\nV:2-r0\nF:\nR:top\nF:usr/bin\nR:tool\n\n"
    put(tmp_path, "/lib/apk/db/installed", text)
    assert packages.owners(files, WANTED | {"/top"}) == {
        "/etc/other": "apk: base 1",
        "/top": "apk: tool 2-r0",
        "/usr/bin/tool": "apk: tool 2-r0",
    }


def header(*tags: tuple[int, int, bytes, int]) -> bytes:
    """A header of rpm with these tags, types, data and counts."""
    index, data = b"", b""
    for tag, kind, value, count in tags:
        index += struct.pack(">4I", tag, kind, len(data), count)
        data += value
    return struct.pack(">2I", len(tags), len(data)) + index + data


TOOL = header(
    (1000, 6, b"tool\0", 1), (1001, 6, b"1.2\0", 1), (1002, 6, b"3.el9\0", 1),
    (1003, 4, b"xxxx", 1),
    (1116, 4, struct.pack(">3I", 0, 1, 7), 3), (1117, 8, b"tool\0tool.conf\0lost\0", 3),
    (1118, 8, b"/usr/bin/\0/etc/\0", 2),
)  # fmt: skip


def database(path: Path, *blobs: object) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
        db.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs])
        db.commit()


def test_rpm(tmp_path: Path, files: HostRootFiles) -> None:
    database(tmp_path / "var/lib/rpm/rpmdb.sqlite", b"", b"damaged", "text", TOOL)
    assert packages.owners(files, WANTED) == {
        "/usr/bin/tool": "rpm: tool 1.2-3.el9",
        "/etc/tool.conf": "rpm: tool 1.2-3.el9",
    }


def test_a_database_of_rpm_that_never_ends_is_left(
    tmp_path: Path, files: HostRootFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpm, "_STEPS", 3_000_000)
    path = tmp_path / "var/lib/rpm/rpmdb.sqlite"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as db:
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c)"
        db.execute(f"CREATE VIEW Packages AS {endless} SELECT x AS blob FROM c")
        db.commit()
    assert packages.owners(files, WANTED) == {}
    path.write_bytes(b"not a database")
    assert packages.owners(files, WANTED) == {}


@given(st.binary())
def test_a_header_of_rpm_is_read_or_empty(data: bytes) -> None:
    package, paths = rpm.parse_header(data)
    assert "-" in package
    assert all(isinstance(path, str) for path in paths)


@given(st.binary())
def test_any_text_is_parsed(data: bytes) -> None:
    list(dpkg.parse_status(io.BytesIO(data)))
    list(apk.parse_installed(io.BytesIO(data)))
    assert all(path.startswith("/") for path in dpkg.parse_list(data.splitlines(keepends=True)))


# -- the files --------------------------------------------------------------------------------


def test_no_link_is_followed_and_no_closed_filesystem_entered(
    tmp_path: Path, files: HostRootFiles
) -> None:
    put(tmp_path, "/real/file", "#!/bin/sh\n")
    put(tmp_path, "/closed/file", "#!/bin/sh\n")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "alias").symlink_to("real/file")
    os.mkfifo(tmp_path / "fifo")
    paths = ["/real/file", "/link/file", "/alias", "/closed/file", "/fifo", "/real", "/gone"]
    assert list(files.heads(paths, 2)) == [b"#!", *[None] * 6]
    assert files.names("/real", 9) == ["file"]
    assert [files.names(path, 9) for path in ("/link", "/real/file", "/gone", "/closed")] == [
        None
    ] * 4
    assert files.names("/", 2) is None, "there are more"


def test_a_file_is_copied_whole_or_not(tmp_path: Path, files: HostRootFiles) -> None:
    put(tmp_path, "/file", b"x" * 100_000)
    for most, whole in ((100_000, True), (99_999, False), (0, False)):
        out = io.BytesIO()
        assert files.copy("/file", most, out) is whole
        assert len(out.getvalue()) <= most
    put(tmp_path, "/empty", b"")
    assert files.copy("/empty", 0, io.BytesIO())
    assert not files.copy("/gone", 5, io.BytesIO())


def test_contents_are_told_by_their_first_bytes(tmp_path: Path, files: HostRootFiles) -> None:
    contents = {"/a": b"\x7fELF\x02", "/b": b"#!/bin/sh", "/c": b"text", "/d": b"", "/e": b"\x7fEL"}
    for path, content in contents.items():
        put(tmp_path, path, content)
    assert changes.content(files, [*contents, "/gone"]) == {"/a": "ELF", "/b": "script"}


def test_a_merged_usr_is_known_by_both_names(tmp_path: Path, files: HostRootFiles) -> None:
    put(tmp_path, "/var/lib/dpkg/info/base.list", "/bin/ls\n/usr/bin/new\n/sbin/x\n")
    links = [
        Entry("/bin", Kind.SYMLINK, 0o777, target="usr/bin"),
        Entry("/sbin", Kind.DIRECTORY, 0),
    ]
    paths = ["/usr/bin/ls", "/usr/bin/new", "/usr/sbin/x"]
    assert changes.packages(files, Ledger(links), paths) == {
        "/usr/bin/ls": "dpkg: base",
        "/usr/bin/new": "dpkg: base",
    }
