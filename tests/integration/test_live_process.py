"""A process whose root, mounts or namespace change while it is read is noticed."""

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
from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError
from tests.integration.conftest import Run
from tests.integration.live_roots import pid

pytestmark = [pytest.mark.root]


@contextmanager
def shell(*before: str) -> Iterator[subprocess.Popen[str]]:
    """A shell in its own mount namespace that runs lines; see :func:`run_line`."""
    with subprocess.Popen(
        ["unshare", "-m", *before, "sh"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        run_line(child, "true")
        yield child
        child.kill()


def run_line(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdin
    assert child.stdout
    child.stdin.write(f"{line}; echo done $?\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done 0\n"


def test_added_and_removed_mounts_are_named(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with shell() as child:
        run_line(child, f"mount -t tmpfs before '{tmp_path}/old'")
        with hold_process(child.pid) as process:
            process.recheck()
            run_line(child, f"umount '{tmp_path}/old'; mount -t ramfs after '{tmp_path}/new'")
            with pytest.raises(LabError) as error:
                process.recheck()
    assert f"- tmpfs on {tmp_path}/old; + ramfs on {tmp_path}/new" in str(error.value)


def test_a_remount_is_noticed(tmp_path: Path) -> None:
    with shell() as child:
        run_line(child, f"mount -t tmpfs before '{tmp_path}'")
        with hold_process(child.pid) as process:
            run_line(child, f"mount -o remount,ro '{tmp_path}'")
            with pytest.raises(LabError, match="mounts of process"):
                process.recheck()


def test_another_mount_namespace_is_noticed() -> None:
    with shell() as child, hold_process(child.pid) as process:
        assert child.stdin
        before = Path(f"/proc/{child.pid}/ns/mnt").readlink()
        child.stdin.write("exec unshare -m sh\n")
        child.stdin.flush()
        while Path(f"/proc/{child.pid}/ns/mnt").readlink() == before:
            os.sched_yield()
        with pytest.raises(LabError, match="another mount namespace"):
            process.recheck()


def test_another_root_is_noticed(tmp_path: Path) -> None:
    script = "import os, sys; input(); os.chroot(sys.argv[1]); print('moved', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child, hold_process(child.pid) as process:  # fmt: skip
        assert child.stdin
        assert child.stdout
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        with pytest.raises(LabError, match="changed its root"):
            process.recheck()
        child.kill()


def test_a_chrooted_process_is_read_from_its_own_root(tmp_path: Path) -> None:
    """Its mountinfo has no line for "/": this process's own has."""
    (tmp_path / "data").write_bytes(b"x")
    (tmp_path / "proc").mkdir()
    busybox = tmp_path / "busybox"
    busybox.write_bytes(Path("/bin/busybox").read_bytes())
    busybox.chmod(0o755)
    child = subprocess.Popen(["chroot", tmp_path, "/busybox", "sleep", "600"])
    try:
        while Path(f"/proc/{child.pid}/root").readlink() != tmp_path:
            os.sched_yield()
        with hold_process(child.pid) as process:
            assert [mount.target for mount in process.mounts] == ["/"]
            assert process.mounts[0].root.endswith(tmp_path.name)
            ledger = read_root(process.root_fd, process.mounts)
            process.recheck()
    finally:
        child.kill()
        child.wait()
    assert [found.path for found in ledger] == ["/", "/busybox", "/data", "/proc"]
    assert {found.mount for found in ledger} == {process.root_mount}


@pytest.mark.engine
def test_the_error_for_a_missing_permission_names_sudo(
    sleep_image: Image, run_container: Run
) -> None:
    script = (
        "import sys; from scratchlab.collect.process import hold_process\n"
        "from scratchlab.errors import LabError\n"
        "try:\n    with hold_process(int(sys.argv[1])): pass\n"
        "except LabError as error: print(error)\n"
    )
    output = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", script,
         str(pid(run_container(sleep_image)))],
        env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "no permission" in output
    assert "sudo" in output


def test_a_kernel_thread_is_an_error() -> None:
    threads = (
        int(proc.name)
        for proc in Path("/proc").iterdir()
        if proc.name.isdigit() and not (proc / "cmdline").read_bytes()
        and int((proc / "stat").read_text().rpartition(")")[2].split()[6]) & 0x00200000
    )  # fmt: skip
    with pytest.raises(LabError, match="kernel thread"), hold_process(next(threads)):
        pass
