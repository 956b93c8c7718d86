"""The hash is that of the very file whose status was read, or a note says why there is none."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scratchlab.collect.live.content import CHANGED, Content, ContentReader
from scratchlab.collect.live.file_status import mount_id_of, status_of
from scratchlab.collect.live.hash_process import HashProcess
from scratchlab.collect.live.hashing import HashPool, UnhashedFile
from scratchlab.collect.live.limits import WalkLimits
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.collect.live.walk import Walk
from scratchlab.errors import LabError
from scratchlab.model import Entry


def unhashed(path: Path) -> UnhashedFile:
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    return UnhashedFile(fd, f"/{path.name}", status_of(fd), (), None)


def finish(file: UnhashedFile) -> Entry:
    with HashPool(2) as pool:
        pool.put(file)
        (entry,) = pool.finish()
        return entry


def test_a_fifo_in_the_place_of_a_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"first")
    file = unhashed(tmp_path / "file")
    os.mkfifo(tmp_path / "fifo")
    os.rename(tmp_path / "fifo", tmp_path / "file")
    entry = finish(file)  # opening the name would wait for a writer, or read what is not the file
    assert (entry.sha256, entry.note) == (None, CHANGED)


def test_another_file_in_its_place_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"first")
    (tmp_path / "keeps it alive").hardlink_to(tmp_path / "file")
    file = unhashed(tmp_path / "file")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "file").unlink()
    (tmp_path / "file").symlink_to("secret")
    assert finish(file).sha256 != hashlib.sha256(b"secret").hexdigest()


def test_a_file_that_changes_is_noted_and_has_no_hash(tmp_path: Path) -> None:
    for change in ("grow", "shrink", "rewrite", "chmod"):
        path = tmp_path / change
        path.write_bytes(b"x" * 300_000)
        file = unhashed(path)
        match change:
            case "grow":
                with path.open("ab") as more:
                    more.write(b"y")
            case "shrink":
                os.truncate(path, 10)
            case "rewrite":
                path.write_bytes(b"z" * 300_000)
                os.utime(path, ns=(0, file.status.mtime))  # a time can be forged, but not st_ctime
            case "chmod":
                path.chmod(0o600)
        entry = finish(file)
        assert (change, entry.sha256, entry.note) == (change, None, CHANGED)


def test_a_leased_file_does_not_block_the_reader(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    script = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
sys.stdin.read()
"""
    assert fcntl.F_SETLEASE
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "file")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == b"leased\n"
        entry = finish(unhashed(tmp_path / "file"))
        child.stdin.close()
    assert (entry.sha256, entry.note) == (None, "unreadable: EAGAIN")


def test_small_file_is_hashed_at_once_and_a_large_one_in_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = {}
    read = HashPool._read

    def noting(self: HashPool, file: UnhashedFile) -> Entry:
        threads[file.path] = threading.current_thread()
        return read(self, file)

    monkeypatch.setattr(HashPool, "_read", noting)
    for name, size in (("small", 65_536), ("large", 65_537)):
        (tmp_path / name).write_bytes(b"x" * size)
    with HashPool(1) as pool:
        pool.put(unhashed(tmp_path / "large"))
        pool.put(unhashed(tmp_path / "small"))
        (small,) = pool.ready()
        (large,) = pool.finish()
    assert small.sha256 == hashlib.sha256(b"x" * 65_536).hexdigest()
    assert large.sha256 == hashlib.sha256(b"x" * 65_537).hexdigest()
    assert threads["/small"] is threading.current_thread() is not threads["/large"]


def test_files_of_cancelled_batches_are_closed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    before = os.listdir("/proc/self/fd")
    with HashPool(1) as pool:
        for _ in range(100):
            pool.put(unhashed(tmp_path / "file"))
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_file_that_the_kernel_refuses_to_close_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # close(2) may fail: a FUSE answers it (Linux fs/fuse/file.c fuse_flush()).
    (tmp_path / "file").write_bytes(b"x" * size)
    file, close = unhashed(tmp_path / "file")._replace(xattrs=None), os.close

    def refusing(fd: int) -> None:
        is_opened = not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_PATH
        is_ours = is_opened and os.fstat(fd).st_ino == file.status.inode
        close(fd)
        if is_ours:
            raise OSError(errno.EIO, "refused")

    monkeypatch.setattr(os, "close", refusing)
    entry = finish(file)
    assert (entry.sha256, entry.note) == (None, "unreadable: EIO")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.fd)


@pytest.mark.parametrize("size", [10, 100_000])
def test_each_descriptor_is_closed_once_where_the_reader_has_no_more_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    file = unhashed(tmp_path / "file")

    def exhausted(_: ContentReader, fd: int) -> int:
        raise OSError(errno.EMFILE, f"no more than {fd}")

    monkeypatch.setattr(ContentReader, "_open", exhausted)
    kept: list[UnhashedFile] = []

    def put() -> None:
        with HashPool(1) as pool:
            pool.put(file)
            kept.append(file)
            list(pool.finish())

    with pytest.raises(LabError, match="out of resources"):
        put()
    if not kept:  # what put() refuses is its caller's
        os.close(file.fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.fd)


def test_attributes_of_a_small_file_are_read_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    os.setxattr(tmp_path / "file", "user.one", b"1")
    entry = finish(unhashed(tmp_path / "file")._replace(xattrs=None))
    assert entry.xattrs == (("user.one", b"1"),)
    assert entry.sha256 == hashlib.sha256(b"x").hexdigest()


def test_attributes_of_a_small_file_that_cannot_be_opened_are_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    os.setxattr(tmp_path / "file", "user.one", b"1")

    def refused(_: ContentReader, fd: int) -> int:
        raise OSError(errno.EACCES, str(fd))

    monkeypatch.setattr(ContentReader, "_open", refused)
    entry = finish(unhashed(tmp_path / "file")._replace(xattrs=None))
    assert (entry.xattrs, entry.note) == ((("user.one", b"1"),), "unreadable: EACCES")


# -- the process that hashes small files -------------------------------------------------------


@pytest.fixture
def apart() -> Iterator[HashProcess]:
    with HashProcess() as process:
        yield process


def small_files(directory: Path, count: int) -> list[UnhashedFile]:
    found = []
    for number in range(count):
        path = directory / f"f{number}"
        path.write_bytes(b"%d" % number)
        os.setxattr(path, "user.number", b"%d" % number)
        found.append(unhashed(path)._replace(xattrs=None))
    return found


@pytest.mark.parametrize("count", [1, 31, 32, 33, 500])
def test_a_process_reads_small_files_of_one_mount(
    tmp_path: Path, apart: HashProcess, count: int
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    files = small_files(tmp_path, count)
    with HashPool(1, apart, files[0].status.mount) as pool:
        found: list[Entry] = []
        for file in files:
            pool.put(file)
            found += pool.ready()
        found += pool.finish()
    assert [entry.path for entry in found] == [file.path for file in files]
    for number, entry in enumerate(found):
        assert entry.sha256 == hashlib.sha256(b"%d" % number).hexdigest()
        assert entry.xattrs == (("user.number", b"%d" % number),)
        assert entry.note is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_files_of_another_mount_are_not_given_to_the_process(
    tmp_path: Path, apart: HashProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HashProcess, "send", None)
    (file,) = small_files(tmp_path, 1)
    with HashPool(1, apart, file.status.mount + 1) as pool:
        pool.put(file)
        (entry,) = pool.ready()
    assert entry.sha256 == hashlib.sha256(b"0").hexdigest()


def test_the_process_notes_what_changed_and_does_not_open_a_fifo(
    tmp_path: Path, apart: HashProcess
) -> None:
    same, grown, replaced = small_files(tmp_path, 3)
    (tmp_path / "f1").write_bytes(b"more than before")
    os.mkfifo(tmp_path / "fifo")
    os.rename(tmp_path / "fifo", tmp_path / "f2")
    with HashPool(1, apart, same.status.mount) as pool:
        for file in (same, grown, replaced):
            pool.put(file)
        notes = [entry.note for entry in pool.finish()]
    assert notes == [None, CHANGED, CHANGED]


def test_the_process_has_no_other_descriptors_and_ends_with_its_pool(tmp_path: Path) -> None:
    with (tmp_path / "held").open("w"), HashProcess() as process:
        assert list(small_contents(process, tmp_path))
        links = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in opened(process)]
    kinds = sorted(link.partition(":")[0] for link in links[3:])
    assert kinds == [f"/proc/{process.pid}/fd", "socket", "socket"]
    assert not os.path.exists(f"/proc/{process.pid}")


def test_a_process_that_ended_is_an_error_and_leaks_nothing(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    files = small_files(tmp_path, 40)

    def read() -> None:
        with HashProcess() as process, HashPool(1, process, files[0].status.mount) as pool:
            for file in files[:32]:
                pool.put(file)
            os.kill(process.pid, signal.SIGKILL)
            for file in files[32:]:
                pool.put(file)
            list(pool.finish())

    with pytest.raises(LabError, match="hashes small files ended"):
        read()
    assert len(os.listdir("/proc/self/fd")) == before


def small_contents(process: HashProcess, directory: Path) -> list[Content]:
    files = small_files(directory, 3)
    process.send([(file.fd, file.status) for file in files])
    for file in files:
        os.close(file.fd)
    return [process.receive() for _ in files]


def opened(process: HashProcess) -> list[str]:
    return sorted(os.listdir(f"/proc/{process.pid}/fd"), key=int)


_WAITING = """
import os, sys, time
from scratchlab.collect.live.content import ContentReader
from scratchlab.collect.live.file_status import mount_id_of, status_of
from scratchlab.collect.live.hash_process import HashProcess
ContentReader.read = lambda *_: time.sleep(600)  # as in a filesystem that does not answer
process = HashProcess()
fd = os.open(".", os.O_PATH)
process.send([(fd, status_of(fd))])
print(process.pid, flush=True)
sys.stdin.read()
"""


def test_the_process_ends_with_its_parent_while_it_waits_for_a_file() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={"PYTHONPATH": "scripts"},
    ) as parent:  # fmt: skip
        assert parent.stdout
        number = int(parent.stdout.readline())
        assert os.path.exists(f"/proc/{number}")
        parent.kill()
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{number}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{number}")


def test_no_file_of_the_root_waits_for_the_plan(tmp_path: Path, apart: HashProcess) -> None:
    (tmp_path / "log").write_bytes(b"before")

    def plan() -> UserDataPlan:
        with (tmp_path / "log").open("ab") as log:
            log.write(b", and after")
        return UserDataPlan()

    root = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    with HashPool(1, apart, mount_id_of(root)) as pool:
        ledger = Walk(None, WalkLimits(), pool, plan=plan).read(root)
    os.close(root)
    entry = ledger.get("/log")
    assert entry is not None
    assert (entry.sha256, entry.note) == (hashlib.sha256(b"before").hexdigest(), None)
