"""A process that changes what it sees while it is read is found out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.models.images import Image

from scratchlab.collect.live import read_root
from scratchlab.collect.process import hold
from scratchlab.errors import LabError
from tests.integration.conftest import Run
from tests.integration.live_roots import pid

pytestmark = [pytest.mark.root]


@contextmanager
def shell(*before: str) -> Iterator[subprocess.Popen[str]]:
    """A shell in a mount namespace of its own that does what it is told, line by line."""
    with subprocess.Popen(
        ["unshare", "-m", *before, "sh"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as it:  # fmt: skip
        tell(it, "true")
        yield it
        it.kill()


def tell(it: subprocess.Popen[str], line: str) -> None:
    assert it.stdin
    assert it.stdout
    it.stdin.write(f"{line}; echo done $?\n")
    it.stdin.flush()
    assert it.stdout.readline() == "done 0\n"


def test_a_mount_that_comes_and_one_that_goes_are_named(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with shell() as it:
        tell(it, f"mount -t tmpfs before '{tmp_path}/old'")
        with hold(it.pid) as process:
            process.recheck()
            tell(it, f"umount '{tmp_path}/old'; mount -t ramfs after '{tmp_path}/new'")
            with pytest.raises(LabError) as error:
                process.recheck()
    assert f"- tmpfs on {tmp_path}/old; + ramfs on {tmp_path}/new" in str(error.value)


def test_a_remount_is_named(tmp_path: Path) -> None:
    with shell() as it:
        tell(it, f"mount -t tmpfs before '{tmp_path}'")
        with hold(it.pid) as process:
            tell(it, f"mount -o remount,ro '{tmp_path}'")
            with pytest.raises(LabError, match="mounts of process"):
                process.recheck()


def test_another_mount_namespace_is_noticed() -> None:
    with shell() as it, hold(it.pid) as process:
        assert it.stdin
        before = Path(f"/proc/{it.pid}/ns/mnt").readlink()
        it.stdin.write("exec unshare -m sh\n")
        it.stdin.flush()
        while Path(f"/proc/{it.pid}/ns/mnt").readlink() == before:
            os.sched_yield()
        with pytest.raises(LabError, match="another mount namespace"):
            process.recheck()


def test_another_root_is_noticed(tmp_path: Path) -> None:
    script = "import os, sys; input(); os.chroot(sys.argv[1]); print('moved', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as it, hold(it.pid) as process:  # fmt: skip
        assert it.stdin
        assert it.stdout
        it.stdin.write("\n")
        it.stdin.flush()
        it.stdout.readline()
        with pytest.raises(LabError, match="changed its root"):
            process.recheck()
        it.kill()


def test_a_chrooted_process_is_read_from_its_own_root(tmp_path: Path) -> None:
    """Its mountinfo has no line for "/": the mount is known from outside."""
    (tmp_path / "data").write_bytes(b"x")
    (tmp_path / "proc").mkdir()
    busybox = tmp_path / "busybox"
    busybox.write_bytes(Path("/bin/busybox").read_bytes())
    busybox.chmod(0o755)
    it = subprocess.Popen(["chroot", tmp_path, "/busybox", "sleep", "600"])
    try:
        while Path(f"/proc/{it.pid}/root").readlink() != tmp_path:
            os.sched_yield()
        with hold(it.pid) as process:
            assert [mount.target for mount in process.mounts] == ["/"]
            assert process.mounts[0].root.endswith(tmp_path.name)
            ledger = read_root(process.root_fd, process.mounts)
            process.recheck()
    finally:
        it.kill()
        it.wait()
    assert [found.path for found in ledger] == ["/", "/busybox", "/data", "/proc"]
    assert {found.mount for found in ledger} == {process.root_mount}


@pytest.mark.engine
def test_without_permission_it_says_sudo(sleep_image: Image, run_container: Run) -> None:
    script = (
        "import sys; from scratchlab.collect.process import hold\n"
        "from scratchlab.errors import LabError\n"
        "try:\n    with hold(int(sys.argv[1])): pass\nexcept LabError as error: print(error)\n"
    )
    told = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", script,
         str(pid(run_container(sleep_image)))],
        env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "no permission" in told
    assert "sudo" in told


def test_a_kernel_thread_is_no_container() -> None:
    threads = (
        int(proc.name)
        for proc in Path("/proc").iterdir()
        if proc.name.isdigit() and not (proc / "cmdline").read_bytes()
        and int((proc / "stat").read_text().rpartition(")")[2].split()[6]) & 0x00200000
    )  # fmt: skip
    with pytest.raises(LabError, match="kernel thread"), hold(next(threads)):
        pass
