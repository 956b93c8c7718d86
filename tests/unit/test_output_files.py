"""An output is a file that appears whole, or something that is written into; nothing is replaced
that is not a regular file.

Devices, and links such as /dev/stdout, are the test's own: a broken program replaces those of the
machine. Only /proc/self/fd is real; no file can be made there.
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scratchlab.atomic import atomic_write, write_bytes
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Facts

ROOT = Path(__file__).parents[2]
root = pytest.mark.skipif(os.geteuid() != 0, reason="making a device node takes root")


def write(path: Path | str, text: str = "new\n", *, only_files: bool = False) -> None:
    with atomic_write(str(path), only_files=only_files) as out:
        out.write(text)


def kind(path: Path) -> int:
    return stat.S_IFMT(path.lstat().st_mode)


@pytest.fixture
def null(tmp_path: Path) -> Path:
    path = tmp_path / "null"
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return path


@root
def test_a_character_device_is_written_into(null: Path) -> None:
    write(null)
    assert kind(null) == stat.S_IFCHR
    assert sorted(null.parent.iterdir()) == [null]


@root
def test_a_symlink_to_a_device_is_followed(null: Path) -> None:
    link = null.with_name("link")
    link.symlink_to(null)
    write(link)
    assert (kind(link), kind(null)) == (stat.S_IFLNK, stat.S_IFCHR)


@root
def test_a_full_device_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "full"
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))
    with pytest.raises(LabError, match=rf"cannot write {path}: No space left on device"):
        write(path)
    assert kind(path) == stat.S_IFCHR


@root
def test_a_block_device_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(240, 99))  # without a driver
    with pytest.raises(LabError, match="it is a block device; name another file"):
        write(path)
    assert kind(path) == stat.S_IFBLK


def test_a_fifo_is_written_into(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(path.read_text("ascii")))
    reader.start()
    write(path)
    reader.join(10)
    assert received == ["new\n"]
    assert kind(path) == stat.S_IFIFO


def test_a_fifo_without_its_reader_is_a_broken_pipe(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    stream = atomic_write(str(path))
    stream.__enter__().write("lost")
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        stream.__exit__(None, None, None)
    assert kind(path) == stat.S_IFIFO


def test_a_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    path.mkdir()
    with pytest.raises(LabError, match="it is a directory"):
        write(path)
    assert path.is_dir()


def test_a_socket_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        with pytest.raises(LabError, match="it is a socket"):
            write(path)
    assert kind(path) == stat.S_IFSOCK


def test_a_symlink_to_a_file_stays_and_the_file_is_replaced(tmp_path: Path) -> None:
    file, link = tmp_path / "there" / "file", tmp_path / "link"
    file.parent.mkdir()
    file.write_text("old\n")
    link.symlink_to("there/file")
    before = file.stat().st_ino
    write(link)
    assert (link.readlink(), file.read_text()) == (Path("there/file"), "new\n")
    assert file.stat().st_ino != before
    write_bytes(link, b"again")
    assert file.read_text() == "again"
    assert [path.name for path in tmp_path.rglob(".aside-*")] == []


def test_a_symlink_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("missing")
    with pytest.raises(LabError, match="it is a symlink that leads nowhere"):
        write(link)
    assert not (tmp_path / "missing").exists()


def _protected() -> bool:
    try:
        return Path("/proc/sys/fs/protected_symlinks").read_text() == "1\n"
    except OSError:
        return False


@root
@pytest.mark.skipif(not _protected(), reason="fs.protected_symlinks is off on this machine")
def test_a_link_of_another_user_in_a_shared_directory_is_not_followed(tmp_path: Path) -> None:
    shared, file = tmp_path / "shared", tmp_path / "file"
    shared.mkdir()
    shared.chmod(0o1777)
    file.write_text("old\n")
    link = shared / "link"
    link.symlink_to(file)
    os.lchown(link, 65534, 65534)
    with pytest.raises(LabError, match="Permission denied"):
        write(link)
    assert file.read_text() == "old\n"


def test_an_old_file_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old\n")
    with pytest.raises(UnicodeEncodeError), atomic_write(str(path)) as out:
        out.write("half" * 10_000 + "\N{EURO SIGN}")
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_fifo_that_the_user_did_not_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(LabError, match="it is a FIFO"):
        write(path, only_files=True)
    with pytest.raises(OSError, match="it is a FIFO"):
        write_bytes(path, b"")
    assert kind(path) == stat.S_IFIFO


CODE = """\
import sys
from scratchlab.atomic import atomic_write
print("before")
with atomic_write(sys.argv[1]) as out:
    out.write("inside\\n")
print("after")
"""


@pytest.mark.parametrize("path", ["/proc/self/fd/1", "stdout", "fd/1", "link"])
def test_standard_output_is_written_into_in_order(path: str, tmp_path: Path) -> None:
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")  # as in /dev
    (tmp_path / "fd").symlink_to("/proc/self/fd")
    (tmp_path / "link").symlink_to("stdout")
    file = tmp_path / "out"
    program = [sys.executable, "-c", CODE, path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    with open(file, "w") as out:
        subprocess.run(program, stdout=out, check=True, env=environment, cwd=tmp_path)
    assert file.read_text() == "before\ninside\nafter\n"
    piped = subprocess.run(program, capture_output=True, check=True, env=environment, cwd=tmp_path)
    assert piped.stdout == b"before\ninside\nafter\n"


def test_another_open_descriptor_is_written_into(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w+") as file:
        file.write("kept ")
        file.flush()
        write(f"/proc/self/fd/{file.fileno()}")
        file.seek(0)
        assert file.read() == "kept new\n"
    with pytest.raises(LabError, match="Bad file descriptor"):
        write("/proc/self/fd/987")


def _evidence() -> EvidenceSet:
    return EvidenceSet(Facts(), Ledger(), Ledger())


def test_evidence_replaces_only_an_empty_directory(tmp_path: Path) -> None:
    file, fifo, stdout = tmp_path / "file", tmp_path / "fifo", tmp_path / "stdout"
    file.write_text("mine")
    os.mkfifo(fifo)
    stdout.symlink_to("/proc/self/fd/1")
    with _evidence() as evidence:
        for path in (file, fifo, stdout):
            with pytest.raises(LabError, match=r"to .*: not a directory; name a new"):
                evidence.save(str(path))
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").touch()
        with pytest.raises(LabError, match="is not empty"):
            evidence.save(str(tmp_path / "full"))
    assert file.read_text() == "mine"
    assert kind(fifo) == stat.S_IFIFO


def test_evidence_goes_into_the_empty_directory_that_a_symlink_leads_to(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    with _evidence() as evidence:
        evidence.save(str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "facts.json").is_file()
    (tmp_path / "nowhere").symlink_to("missing")
    with _evidence() as evidence, pytest.raises(LabError, match="leads nowhere"):
        evidence.save(str(tmp_path / "nowhere"))
