"""Hostile containers: nothing outside is read, nothing hangs, no gap is without a note."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.ledger import Ledger
from scratchlab.model import Kind
from tests.integration.conftest import Run
from tests.integration.live_roots import SECRET, attacker, entry, live, pid, root

pytestmark = [pytest.mark.engine, pytest.mark.root]

_READ = """
import os, sys
from scratchlab.collect.process import hold_process
from scratchlab.collect.live import hashing, read_root, walk  # what it imports late, too
with hold_process(int(sys.argv[1])) as process:
    os.access("/the-walk-begins", os.F_OK)
    ledger = read_root(process.root_fd, process.mounts)
    os.access("/the-walk-ends", os.F_OK)
print(len(ledger), [entry.note for entry in ledger if entry.note])
"""
# Not ru_maxrss: that includes the process before exec.
_PEAK = """
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


@pytest.fixture
def container(shell_image: Image, run_container: Run) -> Container:
    return run_container(shell_image)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A directory of the host with a file that the reader must never reach."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "secret-name").write_bytes(SECRET)
    return tmp_path / "secrets"


def assert_no_secret(ledger: Ledger) -> None:
    digest = hashlib.sha256(SECRET).hexdigest()
    for found in ledger:
        assert found.sha256 != digest, found
        assert "secret-name" not in found.path, found


def lay_traps(inside: Path, secret: Path) -> None:
    """Symlinks of every kind aimed at the host's files, in the container's own layer."""
    inside.mkdir()
    climb = "../" * 40
    targets = {
        "absolute": f"{secret}/secret-name",
        "relative": f"{climb}{secret}/secret-name",
        "directory": str(secret),
        "root": "/",
        "up": climb,
        "self": "self",
        "proc": "/proc/self/root",
        "fd": "/proc/self/fd/0",
        "shadow": "/etc/shadow",
        "long": "x/" * 2000,
    }
    for name, target in targets.items():
        (inside / name).symlink_to(target)
    (inside / "directory in it").mkdir()
    (inside / "directory in it" / "absolute").symlink_to(f"{secret}/secret-name")


def test_symlinks_are_not_followed(container: Container, secret: Path) -> None:
    lay_traps(root(container) / "trap", secret)
    ledger = live(container)
    assert_no_secret(ledger)
    links = [found for found in ledger.below("/trap") if found.kind is Kind.SYMLINK]
    assert len(links) == 11
    assert entry(ledger, "/trap/absolute").target == f"{secret}/secret-name"
    assert all(found.sha256 is None and found.note is None for found in links)


def test_strace_shows_only_single_names_below_open_directories(
    container: Container, secret: Path, tmp_path: Path
) -> None:
    trap = root(container) / "trap"
    lay_traps(trap, secret)
    os.mkfifo(trap / "pipe")
    os.mknod(trap / "node", stat.S_IFCHR | 0o666, os.makedev(10, 130))  # a watchdog
    os.mknod(trap / "disk", stat.S_IFBLK | 0o666, os.makedev(254, 0))
    os.mknod(trap / "listens", stat.S_IFSOCK | 0o666)
    (trap / "plain").write_bytes(b"x" * 100)
    log = tmp_path / "strace"
    output = subprocess.run(
        ["strace", "-ff", "-y", "-e", "trace=%file,openat2", "-o", log,
         sys.executable, "-c", _READ, str(pid(container))],
        env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    assert output.endswith("[]\n")
    calls: list[str] = []
    for path in tmp_path.glob("strace.*"):  # a file for each thread
        lines = path.read_text()
        if "the-walk-begins" in lines:
            lines = lines.split("the-walk-begins")[1].split("the-walk-ends")[0]
            calls += lines.splitlines()[1:-1]
        elif "execve" not in lines:
            calls += [line for line in lines.splitlines() if not line.startswith(("+++", "---"))]
    opened: set[str] = set()
    for call in calls:
        # Only single names (or the root's ".") below a descriptor are opened, or the number of
        # our own descriptor; nothing is resolved from the reader's root or directory.
        if found := re.search(r'openat\((\d+)<(.*?)>, "([^"]*)", (\S+)\) += (.*)', call):
            _, below, name, flags, result = found.groups()
            assert "/" not in name, call
            assert name not in ("..", ""), call
            if re.fullmatch(r"/proc/\d+/fd", below):
                assert name.isdigit(), call
                opened.add(result)
            elif name == ".":
                assert "O_DIRECTORY" in flags, call
            else:
                assert "O_PATH" in flags, call
                assert "O_NOFOLLOW" in flags, call
        elif found := re.search(r'l?(?:list|get)xattr\("([^"]*)"', call):
            assert re.fullmatch(r"/proc/self/fd/\d+", found.group(1)), call
        elif found := re.search(r'(?:readlink|statx|newfstat)(?:at)?\((\d+)<.*?>, "([^"]*)"', call):
            assert found.group(2) == "", call
        else:
            # The reader's own: its list of descriptors.
            assert re.search(r'openat\(AT_FDCWD.*, "/proc/self/fd", .*O_PATH', call), call
    shown = " ".join(opened)
    assert "/trap/plain" in shown
    assert "/bin/busybox" in shown
    for name in ("pipe", "node", "disk", "listens", "secret-name", "shadow"):
        assert f"/{name}" not in shown
    assert len(calls) > 100


_EXCHANGE = """
import ctypes, os, sys
directory = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
exchange = ctypes.CDLL(None, use_errno=True).renameat2
print("ready", flush=True)
while True:
    for name in (b"link", b"file-link"):
        if exchange(directory, name.replace(b"link", b"real"), directory, name, 2):
            raise OSError(ctypes.get_errno(), "renameat2")
"""


def test_a_directory_that_becomes_a_symlink_and_back_is_not_followed(
    container: Container, secret: Path
) -> None:
    trap = (
        root(container) / "dev/shm/trap"
    )  # a tmpfs: overlayfs refuses RENAME_EXCHANGE of directories
    (trap / "real").mkdir(parents=True)
    (trap / "real" / "harmless").write_bytes(b"harmless")
    (trap / "link").symlink_to(secret)
    (trap / "file-real").write_bytes(b"harmless")
    (trap / "file-link").symlink_to(secret / "secret-name")
    kinds: set[Kind] = set()
    notes: set[str | None] = set()
    with attacker(_EXCHANGE, str(trap)):
        for _ in range(100):
            ledger = live(container)
            assert_no_secret(ledger)
            kinds.add(entry(ledger, "/dev/shm/trap/real").kind)
            notes.add(entry(ledger, "/dev/shm/trap").note)
    assert kinds == {Kind.DIRECTORY, Kind.SYMLINK}  # the attack hit both states
    assert "changed while read" in notes


_RENAME = """
import os, sys
top = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
print("ready", flush=True)
while True:
    os.rename("a", "b", src_dir_fd=top, dst_dir_fd=top)
    os.rename("b/in", "in", src_dir_fd=top, dst_dir_fd=top)
    os.rename("in", "b/in", src_dir_fd=top, dst_dir_fd=top)
    os.rename("b", "a", src_dir_fd=top, dst_dir_fd=top)
"""


def test_a_tree_that_is_renamed_during_the_walk_ends_with_a_note(
    container: Container, secret: Path
) -> None:
    top = root(container) / "dev/shm/top"
    inner = top / "a" / "in"
    for level in range(300):
        inner = inner / f"l{level}"
    inner.mkdir(parents=True)
    (inner / "link").symlink_to(secret)
    with attacker(_RENAME, str(top)):
        for _ in range(10):
            ledger = live(container)
            assert_no_secret(ledger)
            notes = {found.note for found in ledger if found.path.startswith("/dev/shm/top")}
            assert notes & {"changed while read", "moved while read"}
            assert entry(ledger, "/bin/busybox").note is None


def test_a_file_that_is_written_meanwhile_has_a_note(container: Container) -> None:
    path = root(container) / "dev/shm/log"
    path.write_bytes(b"x" * 20_000_000)
    (root(container) / "dev/shm/quiet").write_bytes(b"quiet")
    script = """
import sys
with open(sys.argv[1], "r+b", buffering=0) as log:
    print("ready", flush=True)
    while True:
        log.seek(0)
        log.write(b"y")
"""
    with attacker(script, str(path)):
        ledger = live(container)
    found = entry(ledger, "/dev/shm/log")
    assert (found.sha256, found.note) == (None, "changed while read")
    assert entry(ledger, "/dev/shm/quiet").sha256 == hashlib.sha256(b"quiet").hexdigest()


def test_reading_a_file_that_grows_faster_ends(container: Container) -> None:
    path = root(container) / "dev/shm/log"
    path.write_bytes(b"x" * 1_000_000)
    script = """
import os, sys
with open(sys.argv[1], "r+b", buffering=0) as log:
    print("ready", flush=True)
    while True:
        log.seek(0, 2)
        if log.tell() > 40_000_000:
            log.truncate(1_000_000)
        log.write(b"y" * 65536)
"""
    with attacker(script, str(path)):
        assert entry(live(container), "/dev/shm/log").note == "changed while read"


def test_four_thousand_levels_in_the_writable_layer_are_read(container: Container) -> None:
    depth, fd = 4000, os.open(root(container), os.O_PATH)
    os.mkdir("deep", dir_fd=fd)
    for _ in range(depth):
        outer, fd = fd, os.open("deep", os.O_PATH | os.O_NOFOLLOW, dir_fd=fd)
        os.close(outer)
        os.mkdir("deep", dir_fd=fd)
    os.close(fd)
    ledger = live(container)
    assert entry(ledger, "/deep" * (depth + 1)).kind is Kind.DIRECTORY
    assert all(found.note is None for found in ledger)


def test_two_hundred_thousand_files_in_one_directory_fit_into_memory(
    shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image, tmpfs={"/many": "size=1g,nr_inodes=300000"})
    fd = os.open(root(container) / "many", os.O_RDONLY)
    for number in range(200_000):
        os.close(os.open(f"file-{number}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    output = subprocess.run(
        [sys.executable, "-c", _READ + _PEAK, str(pid(container))],
        env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, timeout=120, check=True,
    ).stdout.splitlines()  # fmt: skip
    count, notes = output[0].split(" ", 1)
    assert (int(count) > 200_000, notes) == (True, "[]")
    assert int(output[1]) < 60_000  # KiB


def test_a_sparse_file_of_a_tebibyte_is_not_hashed(container: Container) -> None:
    with open(root(container) / "dev/shm/sparse", "wb") as sparse:
        sparse.truncate(1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = entry(live(container), "/dev/shm/sparse")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 5
    assert (found.size, found.sha256) == (1 << 40, None)
    assert (found.note or "").startswith("not hashed: larger than")


def test_fifos_sockets_and_devices_are_never_opened(container: Container) -> None:
    """Opening a FIFO would wait, and a device without a driver fail: no entry has a note."""
    inside = root(container)
    os.mkfifo(inside / "pipe")
    os.mknod(inside / "nothing", stat.S_IFCHR | 0o666, os.makedev(4000, 1))
    os.mknod(inside / "console", stat.S_IFCHR | 0o666, os.makedev(5, 1))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{inside}/dev/shm/listens")
    ledger = live(container)
    assert entry(ledger, "/pipe").kind is Kind.FIFO
    assert entry(ledger, "/nothing").device == (4000, 1)
    assert entry(ledger, "/dev/shm/listens").kind is Kind.SOCKET
    assert all(found.note is None for found in ledger)


def test_names_of_any_bytes_are_kept(container: Container) -> None:
    names = [b"new\nline", b"\x1b]0;owned\x07", b"\xff\xfe", b"<script>", b"-rf *", b"\xe2\x80\xae"]
    directory = os.fsencode(root(container) / "names")
    os.mkdir(directory)
    for name in names:
        os.mkdir(directory + b"/" + name)
        os.close(os.open(directory + b"/" + name + b"/" + name, os.O_CREAT | os.O_WRONLY))
    ledger = live(container)
    below = {os.fsencode(found.path) for found in ledger.below("/names")}
    assert below == {b"/names/" + n for n in names} | {b"/names/" + n + b"/" + n for n in names}


_DEAD_FUSE = """
import os, sys
from tests.integration.live_roots import enter_mounts_of, mount
device = os.open("/dev/fuse", os.O_RDWR)
enter_mounts_of(int(sys.argv[1]))
mount("silent", "/srv", "fuse", f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other")
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_filesystem_that_never_answers_does_not_block_the_reader(container: Container) -> None:
    with attacker(_DEAD_FUSE, str(pid(container))):
        output = subprocess.run(
            [sys.executable, "-c", _READ, str(pid(container))],
            env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, timeout=30, check=True,
        ).stdout  # fmt: skip
    assert output.endswith("['not read: a process answers for fuse']\n")


def test_a_mount_made_during_the_walk_is_not_entered(container: Container) -> None:
    """The recheck then refuses the ledger: see test_live_process."""
    for directory in ("aaa", "zzz"):  # whichever the walk takes first
        (root(container) / directory / "below").mkdir(parents=True)
        for number in range(600):
            (root(container) / directory / str(number)).touch()
    enter = ["nsenter", "-m", "-t", str(pid(container)), "/bin/busybox", "mount", "-t", "tmpfs"]
    covered: list[int] = []

    def cover(count: int) -> None:
        if not covered:
            covered.append(count)
            for directory in ("aaa", "zzz"):
                subprocess.run([*enter, "late", f"/{directory}/below"], check=True)
                (root(container) / directory / "below" / "late").touch()

    ledger = live(container, progress=cover, recheck=False)
    for directory in ("aaa", "zzz"):
        found = entry(ledger, f"/{directory}/below")
        assert found.note == "not read: on a mount that mountinfo did not list"
        assert ledger.get(f"/{directory}/below/late") is None
