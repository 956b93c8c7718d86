"""The live ledger of a real container agrees with find, stat, sha256sum and getfattr."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError
from scratchlab.model import Kind
from scratchlab.mountinfo import parse, visible_mounts
from tests.integration.conftest import BUSYBOX, SESSION, Run
from tests.integration.live_roots import entry, live, pid, root

pytestmark = [pytest.mark.engine, pytest.mark.root]

# The 24 entries that Docker and runc add to an image (measured; /dev/core needs /proc/kcore).
INJECTED = {
    "/.dockerenv", "/dev", "/dev/fd", "/dev/full", "/dev/mqueue", "/dev/null", "/dev/ptmx",
    "/dev/pts", "/dev/pts/ptmx", "/dev/random", "/dev/shm", "/dev/stderr", "/dev/stdin",
    "/dev/stdout", "/dev/tty", "/dev/urandom", "/dev/zero", "/etc", "/etc/hostname", "/etc/hosts",
    "/etc/mtab", "/etc/resolv.conf", "/proc", "/sys",
}  # fmt: skip


@pytest.fixture
def furnished(shell_image: Image, run_container: Run) -> Container:
    """A container whose writable layer has one entry of each kind."""
    container = run_container(shell_image)
    directory = root(container) / "lot"
    directory.mkdir()
    for number in range(50):
        (directory / f"file {number}").write_bytes(os.urandom(number * 1000))
    (directory / "setuid").write_bytes(b"#!")
    (directory / "setuid").chmod(0o6755)
    os.chown(directory / "file 1", 4_000_000_000, 12345)
    (directory / "also file 2").hardlink_to(directory / "file 2")
    (directory / "link").symlink_to("/etc/shadow")
    os.mkfifo(directory / "fifo")
    os.mknod(directory / "char", stat.S_IFCHR | 0o600, os.makedev(10, 130))
    os.mknod(directory / "block", stat.S_IFBLK | 0o600, os.makedev(259, 1_000_000))
    os.mknod(directory / "socket", stat.S_IFSOCK | 0o600)
    os.utime(directory / "file 3", ns=(0, 1_234_567_890_123_456_789))
    os.setxattr(directory / "file 4", "user.note", b"bytes\0\xff")
    os.setxattr(directory, "trusted.directory", b"1")
    os.setxattr(directory / "link", "trusted.link", b"2", follow_symlinks=False)
    os.setxattr(directory / "fifo", "trusted.fifo", b"3", follow_symlinks=False)
    subprocess.run(["setcap", "cap_net_raw+ep", directory / "file 5"], check=True)
    # An access control list as setfacl writes it: user::rw-, user:1:r--, group::r--, mask, other.
    acl = bytes.fromhex(
        "02000000 01000600ffffffff 0200040001000000"
        "04000400ffffffff 10000400ffffffff 20000400ffffffff"
    )
    os.setxattr(directory / "file 6", "system.posix_acl_access", acl)
    return container


def test_the_sleep_container_has_its_binary_and_the_injected_entries(
    sleep_image: Image, run_container: Run
) -> None:
    ledger = live(run_container(sleep_image))
    core = {"/dev/core"} if Path("/proc/kcore").exists() else set()
    assert {found.path for found in ledger} == {"/", "/sleep"} | INJECTED | core
    assert entry(ledger, "/dev/null").device == (1, 3)
    assert entry(ledger, "/etc/mtab").target == "/proc/mounts"
    assert all(found.note is None for found in ledger)


def test_the_ledger_agrees_with_find_and_stat(furnished: Container) -> None:
    ledger = live(furnished)
    form = r"%P\0%y\0%m\0%U\0%G\0%s\0%l\0%T@\0"
    output = subprocess.run(
        ["find", f"{root(furnished)}/", "-xdev", "-printf", form], capture_output=True, check=True
    ).stdout.decode(errors="surrogateescape").split("\0")  # fmt: skip
    rows = list(zip(*[iter(output)] * 8, strict=False))
    letters = {"f": Kind.FILE, "d": Kind.DIRECTORY, "l": Kind.SYMLINK, "p": Kind.FIFO,
               "s": Kind.SOCKET, "c": Kind.CHAR, "b": Kind.BLOCK}  # fmt: skip
    compared = Counter[str]()
    for path, letter, mode, uid, gid, size, target, time in rows:
        found = entry(ledger, f"/{path}")
        if path in ("dev", "proc", "sys") or path.startswith("etc/"):
            continue  # find -xdev shows what lies under these mounts, or their very mountpoints
        assert found.kind is letters[letter]
        assert (f"{found.mode:o}", str(found.uid), str(found.gid)) == (mode, uid, gid)
        assert found.size == (int(size) if letter == "f" else 0)
        assert (found.target or "") == target
        assert found.mtime is not None
        seconds, _, fraction = time.partition(".")
        assert found.mtime == int(seconds) * 10**9 + int(fraction[:9])
        compared[letter] += 1
    assert compared["f"] > 50
    assert all(compared[letter] for letter in letters)
    numbers = subprocess.run(
        ["stat", "-c", "%Hr %Lr", root(furnished) / "lot/char", root(furnished) / "lot/block"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    devices = (entry(ledger, "/lot/char").device, entry(ledger, "/lot/block").device)
    assert devices == ((10, 130), (259, 1_000_000))
    assert numbers == ["10", "130", "259", "1000000"]


def test_the_ledger_agrees_with_sha256sum(furnished: Container) -> None:
    ledger = live(furnished)
    command = ["find", ".", "-xdev", "-type", "f", "-exec", "sha256sum", "-z", "{}", "+"]
    output = subprocess.run(command, cwd=root(furnished), capture_output=True, check=True).stdout
    lines = output.decode().rstrip("\0").split("\0")
    assert len(lines) > 50
    for line in lines:
        digest, path = re.fullmatch(r"(\w{64})  \.(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
        assert entry(ledger, path).sha256 == digest


def test_the_ledger_agrees_with_getfattr(furnished: Container) -> None:
    ledger = live(furnished)
    command = [
        "getfattr",
        "-R",
        "-P",
        "-h",
        "-d",
        "-m",
        "-",
        "-e",
        "hex",
        "--absolute-names",
        "lot",
    ]
    output = subprocess.run(
        command, cwd=root(furnished), capture_output=True, text=True, check=True
    )
    expected: dict[str, dict[str, bytes]] = {}
    for block in output.stdout.strip().split("\n\n"):
        header, *lines = block.splitlines()
        names = (line.partition("=") for line in lines)
        path = "/" + header.removeprefix("# file: ").replace("\\040", " ")
        expected[path] = {name: bytes.fromhex(value[2:]) for name, _, value in names}
    found = {each.path: dict(each.xattrs) for each in ledger.below("/lot") if each.xattrs}
    found["/lot"] = dict(entry(ledger, "/lot").xattrs)
    assert found == expected
    assert set(found) == {
        "/lot", "/lot/fifo", "/lot/file 4", "/lot/file 5", "/lot/file 6", "/lot/link",
    }  # fmt: skip


@pytest.fixture
def linked_image(docker_client: docker.DockerClient) -> Iterator[str]:
    """An image of one layer, with three names of one file."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        member = tarfile.TarInfo("one")
        member.size = len(b"content")
        tar.addfile(member, io.BytesIO(b"content"))
        for name in ("two", "also"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, "one"
            tar.addfile(link)
    name = f"{SESSION}-linked"
    docker_client.api.import_image_from_data(archive.getvalue(), repository=name, tag="latest")
    yield name
    docker_client.images.remove(name, force=True)


def test_hard_links_are_sets_of_paths_whatever_overlayfs_counts(
    linked_image: str, run_container: Run
) -> None:
    container = run_container(linked_image, command=["/bin/busybox", "sleep", "3600"])
    ledger = live(container)
    assert [entry(ledger, path).links for path in ("/also", "/one", "/two")] == ["/also"] * 3
    digest = hashlib.sha256(b"content").hexdigest()
    assert {entry(ledger, path).sha256 for path in ("/also", "/one", "/two")} == {digest}
    assert entry(ledger, "/bin/busybox").links is None

    (root(container) / "also").unlink()
    (root(container) / "two").unlink()
    assert os.stat(root(container) / "one").st_nlink > 1  # it counts names that do not exist
    left = entry(live(container), "/one")
    assert (left.links, left.sha256) == (None, digest)


def test_every_entry_has_the_id_of_its_mount(
    shell_image: Image, run_container: Run, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_bytes(b"over")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "inside").touch()
    container = run_container(
        shell_image,
        volumes=[f"{tmp_path}/a file:/srv/data:ro", f"{tmp_path}/directory:/with space/and\ttab"],
        tmpfs={"/srv/scratch": ""},
    )
    ledger = live(container)
    mounts = parse(Path(f"/proc/{pid(container)}/mountinfo").read_bytes())
    seen = visible_mounts(mounts)
    for found in ledger:
        parents = [found.path, *map(str, Path(found.path).parents)]
        nearest = next(path for path in parents if path in seen)
        assert found.mount == seen[nearest].id, found.path
    assert entry(ledger, "/srv/data").mount == seen["/srv/data"].id
    assert entry(ledger, "/srv/data").size == 4
    assert entry(ledger, "/with space/and\ttab/inside").mount == seen["/with space/and\ttab"].id
    assert "/srv/scratch" in seen


def test_stacked_mounts_show_the_topmost(shell_image: Image, run_container: Run) -> None:
    container = run_container(shell_image)
    target = root(container) / "srv"
    enter = ["nsenter", "-m", "-t", str(pid(container)), "/bin/busybox"]
    for number in ("1", "2", "3"):
        subprocess.run([*enter, "mount", "-t", "tmpfs", f"layer{number}", "/srv"], check=True)
        (target / number).touch()
    ledger = live(container)
    assert [found.path for found in ledger.below("/srv")] == ["/srv/3"]
    with hold_process(pid(container)) as process:
        top = visible_mounts(process.mounts, process.root_mount)["/srv"]
    assert (top.source, entry(ledger, "/srv").mount) == ("layer3", top.id)


def test_kernel_filesystems_are_one_entry_each(shell_image: Image, run_container: Run) -> None:
    ledger = live(run_container(shell_image, volumes=["/sys/kernel:/k", "/proc:/p"]))
    for path in ("/proc", "/sys", "/k", "/p"):
        assert entry(ledger, path).kind is Kind.DIRECTORY
        assert not list(ledger.below(path))
    assert list(ledger.below("/dev/pts"))


def test_a_file_of_a_kernel_filesystem_is_not_read(shell_image: Image, run_container: Run) -> None:
    ledger = live(run_container(shell_image, volumes=["/proc/sys/kernel/hostname:/name"]))
    found = entry(ledger, "/name")
    assert (found.kind, found.sha256, found.note) == (Kind.FILE, None, "not read: proc")


def test_a_root_that_is_bound_below_itself_is_read_once_more(
    shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    once = len(live(container))
    enter = ["nsenter", "-m", "-t", str(pid(container)), "/bin/busybox"]
    subprocess.run([*enter, "mount", "-o", "rbind", "/", "/srv"], check=True)
    ledger = live(container)
    # Everything a second time (its "/" is "/srv"); there, /srv is what the mount covers.
    assert len(ledger) == 2 * once - 2
    again = entry(ledger, "/srv/bin/busybox")
    assert again.sha256 == entry(ledger, "/bin/busybox").sha256
    assert again.mount != entry(ledger, "/bin/busybox").mount
    assert [found.path for found in ledger.below("/srv/srv")] == ["/srv/srv/data"]


def test_a_paused_container_can_be_read(shell_image: Image, run_container: Run) -> None:
    container = run_container(shell_image)
    before = live(container).digest()
    container.pause()
    try:
        assert live(container).digest() == before
    finally:
        container.unpause()


def test_a_container_that_ends_meanwhile_is_an_error(
    shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    directory = root(container) / "many"
    directory.mkdir()
    for number in range(1000):
        (directory / str(number)).touch()
    killed: list[int] = []

    def kill(count: int) -> None:
        if not killed:
            killed.append(count)
            container.kill()
            container.wait()

    with pytest.raises(LabError, match="ended while it was read"):
        live(container, progress=kill)
    assert killed[0] < 1000


def test_a_debug_container_reads_the_same(
    sleep_image: Image, shell_image: Image, run_container: Run
) -> None:
    watched = run_container(sleep_image)
    script = (
        "from scratchlab.collect.process import hold_process\n"
        "from scratchlab.collect.live import read_root\n"
        "with hold_process(1) as p:\n"
        "    ledger = read_root(p.root_fd, p.mounts); p.recheck()\n"
        "print(len(ledger), ledger.digest(), [e.note for e in ledger if e.note])\n"
    )
    lent = [f"{path}:{path}:ro" for path in ("/usr", "/lib", "/lib64") if Path(path).exists()]
    debug = run_container(
        shell_image,
        command=["/usr/bin/python3", "-c", script],
        pid_mode=f"container:{watched.id}",
        volumes=[*lent, f"{Path('scripts').absolute()}:/scripts:ro"],
        environment={"PYTHONPATH": "/scripts", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    debug.wait(timeout=60)
    ledger = live(watched)
    assert debug.logs().decode() == f"{len(ledger)} {ledger.digest()} []\n"
