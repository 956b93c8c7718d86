"""The root of a mount namespace, of which a process was chrooted away."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scratchlab.collect.namespace_root import is_chrooted, namespace_entered
from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError

pytestmark = pytest.mark.root
_NEWNS = 0x00020000


@contextmanager
def child(chroot: Path | None = None, *, namespace: bool = False) -> Iterator[int]:
    """A process that waits, below ``chroot``, in a mount namespace of its own if asked."""
    ready, report = os.pipe()
    unshare = ctypes.CDLL(None).unshare
    pid = os.fork()
    if pid == 0:
        if namespace:
            unshare(_NEWNS)
        if chroot is not None:
            os.chroot(chroot)
        os.write(report, b"x")
        signal.pause()
    try:
        os.read(ready, 1)
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(report)


@contextmanager
def directory(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_a_root_is_where_no_way_leads_up(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with directory("/") as top, directory(str(tmp_path)) as below:
        assert not is_chrooted(top)
        assert is_chrooted(below)
    assert os.listdir("/proc/self/fd") == before


def test_a_root_is_not_opened_for_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may answer for it, and never answer: O_PATH asks it nothing."""
    flags: list[int] = []
    real = os.open

    def opened(path: str, how: int, **options: int) -> int:
        flags.append(how)
        return real(path, how, **options)

    with directory("/") as top:
        monkeypatch.setattr(os, "open", opened)
        is_chrooted(top)
        monkeypatch.undo()
    assert [how & os.O_PATH for how in flags] == [os.O_PATH]
    with child() as pid, hold_process(pid) as process:
        for fd in (process.root_fd, process.proc_fd):
            assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_PATH


def test_a_namespace_is_entered_at_its_root(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with (
        child(tmp_path, namespace=True) as pid,
        directory(f"/proc/{pid}") as proc,
        namespace_entered(proc) as entered,
    ):
        assert os.readlink("ns/mnt", dir_fd=entered) == os.readlink("ns/mnt", dir_fd=proc)
        assert os.readlink("root", dir_fd=proc) == str(tmp_path)
        assert os.readlink("root", dir_fd=entered) == "/"
        assert os.readlink("ns/mnt", dir_fd=entered) != os.readlink("/proc/self/ns/mnt")
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):  # no child is left
        os.waitpid(-1, os.WNOHANG)


def test_a_namespace_that_refuses_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ns").mkdir()
    (tmp_path / "ns/mnt").write_text("not a namespace")
    before = os.listdir("/proc/self/fd")
    with directory(str(tmp_path)) as proc:
        words = "the mount namespace of the container's process cannot be entered"
        with pytest.raises(LabError) as raised, namespace_entered(proc):
            pass
    assert (raised.value.what, raised.value.remedy) == (
        words, "run it as root with all capabilities, or use --vantage debug",
    )  # fmt: skip
    assert os.listdir("/proc/self/fd") == before


def test_a_chrooted_process_is_held_at_the_root_of_its_namespace(tmp_path: Path) -> None:
    with child(tmp_path, namespace=True) as pid:
        with hold_process(pid, at_namespace_root=True) as process:
            assert process.chroot == str(tmp_path)
            assert os.path.samestat(os.stat(process.root_fd), os.stat("/"))
            assert process.root_mount in {mount.id for mount in process.mounts}
            assert len(process.mounts) > 5
            process.recheck()
        with hold_process(pid) as process:
            assert process.chroot == ""
            assert os.path.samestat(os.stat(process.root_fd), os.stat(tmp_path))
            # The mount that the directory lies on is there, as the root.
            top = next(mount for mount in process.mounts if mount.id == process.root_mount)
            assert top.target == "/"
            assert top.root.endswith(str(tmp_path))


def test_a_process_in_the_readers_namespace_keeps_its_own_root(tmp_path: Path) -> None:
    with child(tmp_path) as pid, hold_process(pid, at_namespace_root=True) as process:
        assert process.chroot == ""
        assert os.path.samestat(os.stat(process.root_fd), os.stat(tmp_path))
        top = next(mount for mount in process.mounts if mount.id == process.root_mount)
        assert (top.target, top.root.endswith(str(tmp_path))) == ("/", True)


def test_without_a_chroot_there_is_none() -> None:
    with child(namespace=True) as pid, hold_process(pid, at_namespace_root=True) as process:
        assert process.chroot == ""
        assert process.namespaces["mnt"] != os.readlink("/proc/self/ns/mnt")
        process.recheck()


def test_a_root_with_mounts_below_it_has_its_own_mount_too() -> None:
    with child(Path("/sys/fs")) as pid, hold_process(pid) as process:
        below = [mount.target for mount in process.mounts if mount.id != process.root_mount]
        top = next(mount for mount in process.mounts if mount.id == process.root_mount)
        assert "/cgroup" in below
        assert (top.target, top.root) == ("/", "/fs")
