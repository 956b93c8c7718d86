"""The ledger of a directory has every entry with all its fields."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scratchlab.collect.live import WalkLimits, read_tree
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind


def read(
    path: Path, *, limits: WalkLimits | None = None, progress: Callable[[int], None] | None = None
) -> Ledger:
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        return read_tree(fd, limits=limits, progress=progress)
    finally:
        os.close(fd)


def entry(ledger: Ledger, path: str) -> Entry:
    found = ledger.get(path)
    assert found is not None, f"{path} is not in the ledger"
    return found


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_every_type_has_the_fields_of_stat(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir(mode=0o751)
    (tmp_path / "directory" / "file").write_bytes(b"content")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "fifo", 0o640)
    with tempfile.TemporaryDirectory() as short:  # a socket's address has at most 108 bytes
        socket.socket(socket.AF_UNIX).bind(f"{short}/socket")
        shutil.move(f"{short}/socket", tmp_path / "socket")
    (tmp_path / "directory" / "file").chmod(0o4711)
    os.utime(tmp_path / "empty", ns=(0, -1_500_000_000))

    ledger = read(tmp_path)

    assert [found.path for found in ledger] == [
        "/", "/directory", "/directory/file", "/empty", "/fifo", "/link", "/socket",
    ]  # fmt: skip
    kinds = {found.path: found.kind for found in ledger}
    assert kinds["/fifo"] is Kind.FIFO
    assert kinds["/socket"] is Kind.SOCKET
    assert kinds["/directory"] is Kind.DIRECTORY
    for found in ledger:
        stat = os.lstat(tmp_path / found.path[1:])
        assert (found.mode, found.uid, found.gid, found.mtime) == (
            stat.st_mode & 0o7777, stat.st_uid, stat.st_gid, stat.st_mtime_ns,
        )  # fmt: skip
        assert found.size == (stat.st_size if found.kind is Kind.FILE else 0)
        assert found.note is None
    assert entry(ledger, "/directory/file").sha256 == sha256(b"content")
    assert entry(ledger, "/directory/file").mode == 0o4711
    assert entry(ledger, "/empty").sha256 == sha256(b"")
    assert entry(ledger, "/empty").mtime == -1_500_000_000
    assert entry(ledger, "/link").target == "/etc/passwd"
    assert entry(ledger, "/link").sha256 is None


def test_files_of_any_size_are_hashed(tmp_path: Path) -> None:
    for size in (1, 262_143, 262_144, 262_145, 3_000_001):
        (tmp_path / str(size)).write_bytes(os.urandom(size))
    ledger = read(tmp_path)
    for path in tmp_path.iterdir():
        assert entry(ledger, f"/{path.name}").sha256 == sha256(path.read_bytes())


def test_names_are_bytes(tmp_path: Path) -> None:
    names = [b"new\nline", b"\x1b[31mred", b"\xff\xfe", b"back\\slash", "é".encode(), b" ", b"-rf"]
    for name in names:
        os.close(os.open(os.fsencode(tmp_path) + b"/" + name, os.O_CREAT | os.O_WRONLY))
    os.symlink(b"/\xfe\n", os.fsencode(tmp_path) + b"/to")
    ledger = read(tmp_path)
    paths = {os.fsencode(found.path)[1:] for found in ledger}
    assert paths == {b"", b"to", *names}
    assert os.fsencode(entry(ledger, "/to").target or "") == b"/\xfe\n"


def test_hard_links_are_sets_of_paths(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one").write_bytes(b"same")
    (tmp_path / "a").hardlink_to(tmp_path / "b" / "one")
    (tmp_path / "c").hardlink_to(tmp_path / "b" / "one")
    (tmp_path / "alone").write_bytes(b"same")
    ledger = read(tmp_path)
    for path in ("/a", "/b/one", "/c"):
        assert entry(ledger, path).links == "/a"
        assert entry(ledger, path).sha256 == sha256(b"same")
    assert entry(ledger, "/alone").links is None


def test_everything_but_a_directory_may_have_several_names(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    os.mkfifo(tmp_path / "p")
    for name, other in (("a", "b"), ("p", "q")):
        os.link(tmp_path / name, tmp_path / other, follow_symlinks=False)
    (tmp_path / "c").symlink_to("nowhere")
    ledger = read(tmp_path)
    assert {e.path: e.links for e in ledger if e.path != "/"} == {
        "/a": "/a", "/b": "/a", "/c": None, "/p": "/p", "/q": "/p",
    }  # fmt: skip
    assert entry(ledger, "/b").target == "nowhere"
    assert (entry(ledger, "/q").sha256, entry(ledger, "/q").note) == (None, None)


def test_a_hard_link_outside_the_tree_is_not_in_a_set(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "in").write_bytes(b"x")
    (tmp_path / "out").hardlink_to(tmp_path / "tree" / "in")
    found = entry(read(tmp_path / "tree"), "/in")
    assert (found.links, found.sha256) == (None, sha256(b"x"))


def test_extended_attributes_are_sorted_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.setxattr(tmp_path / "file", "user.b", b"\0\xff")
    os.setxattr(tmp_path / "file", "user.a", b"")
    assert entry(read(tmp_path), "/file").xattrs == (("user.a", b""), ("user.b", b"\0\xff"))


def test_a_tree_four_thousand_levels_deep_is_read(tmp_path: Path) -> None:
    depth, fd = 4000, os.open(tmp_path, os.O_PATH)
    try:
        for _ in range(depth):
            for name in ("deep", "side"):
                os.mkdir(name, dir_fd=fd)
            outer, fd = fd, os.open("deep", os.O_PATH | os.O_NOFOLLOW, dir_fd=fd)
            os.close(outer)
    finally:
        os.close(fd)
    try:
        most = 0

        def count(_: int) -> None:
            nonlocal most
            most = max(most, len(os.listdir("/proc/self/fd")))

        ledger = read(tmp_path, progress=count)
        assert len(ledger) == 1 + 2 * depth
        assert entry(ledger, "/deep" * depth).kind is Kind.DIRECTORY
        assert all(found.note is None for found in ledger)
        assert 256 < most < 512
    finally:
        subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)


def test_a_file_beyond_a_limit_is_listed_with_a_note(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as sparse:
        sparse.truncate(1 << 40)
    (tmp_path / "small").write_bytes(b"x")
    found = entry(read(tmp_path), "/sparse")
    assert (found.size, found.sha256) == (1 << 40, None)
    assert found.note == f"not hashed: larger than {8 << 30} bytes"
    assert entry(read(tmp_path), "/small").sha256 == sha256(b"x")


def test_the_sum_of_all_files_is_limited_too(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / str(number)).write_bytes(b"x" * 10)
    ledger = read(tmp_path, limits=WalkLimits(root_bytes=55))
    notes = [found.note for found in ledger if found.kind is Kind.FILE]
    assert notes.count(None) == 5
    assert notes.count("not hashed: the files before it reached 55 bytes") == 5


def test_too_many_names_are_an_error_and_leave_nothing_open(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / str(number)).write_bytes(b"x")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(LabError, match="more names than"):
        read(tmp_path, limits=WalkLimits(ledger_bytes=20_000))
    assert os.listdir("/proc/self/fd") == before


def test_a_directory_that_changes_while_it_is_read_is_noted(tmp_path: Path) -> None:
    (tmp_path / "busy").mkdir()
    (tmp_path / "quiet").mkdir()
    for number in range(600):
        (tmp_path / "busy" / f"{number:04}").touch()
    ledger = read(tmp_path, progress=lambda _: (tmp_path / "busy" / "late").touch())
    assert entry(ledger, "/busy").note == "changed while read"
    assert entry(ledger, "/quiet").note is None
    assert entry(ledger, "/").note is None


def test_an_interruption_leaves_nothing_open(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / str(number)).write_bytes(b"x")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    before = os.listdir("/proc/self/fd")
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path, progress=interrupt)
    assert os.listdir("/proc/self/fd") == before


def test_a_lack_of_descriptors_is_an_error_and_not_a_note(tmp_path: Path) -> None:
    inner = tmp_path
    for _ in range(40):
        inner = inner / "d"
        inner.mkdir()
    script = """
import os, resource, sys
from scratchlab.collect.live import read_tree
from scratchlab.errors import LabError
fd = os.open(sys.argv[1], os.O_PATH)
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
try:
    read_tree(fd)
except LabError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={"PYTHONPATH": "scripts"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ulimit -n" in done.stdout


def test_progress_counts_every_entry(tmp_path: Path) -> None:
    for number in range(700):
        (tmp_path / str(number)).touch()
    counts: list[int] = []
    read(tmp_path, progress=counts.append)
    assert counts[-1] == 701
    assert counts == sorted(counts)


def test_many_attributes_without_values_are_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    names = [f"user.{number}" for number in range(5000)]  # listxattr(2) returns 64 KiB of them
    monkeypatch.setattr(os, "listxattr", lambda _: names)
    monkeypatch.setattr(os, "getxattr", lambda _, __: b"")
    found = entry(read(tmp_path), "/file")
    assert len(found.xattrs) < 2000
    assert found.note == "extended attributes not read: more than 262144 bytes"
