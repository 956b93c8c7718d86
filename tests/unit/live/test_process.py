"""A held process stays the same process; its end and every change are noticed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as child:
        yield child
        child.kill()


def test_a_held_process_has_the_fields_of_proc(sleeper: subprocess.Popen[bytes]) -> None:
    proc = Path(f"/proc/{sleeper.pid}")
    with hold_process(sleeper.pid) as process:
        assert process.namespaces["mnt"] == os.readlink(proc / "ns/mnt")
        assert {"pid", "net", "ipc", "uts", "user"} <= process.namespaces.keys()
        assert process.uid_map[0][0] == 0
        assert str(process.start_time) in (proc / "stat").read_text().split()
        assert os.path.samestat(os.stat(process.root_fd), os.stat("/"))
        assert process.root_mount in {mount.id for mount in process.mounts}
        assert len(process.mounts) == len((proc / "mountinfo").read_text().splitlines())
        process.recheck()


HELD = (
    "import os; from scratchlab.collect.process import hold_process\n"
    "input()\nwith hold_process(os.getpid()) as held: print(held.uid_map, flush=True)\ninput()"
)


@pytest.mark.root
def test_ids_are_those_that_the_reader_sees() -> None:
    """As in an unprivileged container of Incus, in which an engine and its reader run."""
    with subprocess.Popen(
        ["unshare", "--user", sys.executable, "-c", HELD],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        own = os.readlink("/proc/self/ns/user")
        while os.readlink(f"/proc/{child.pid}/ns/user") == own:
            time.sleep(0.01)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child.pid}/{name}").write_text("0 1000 500\n")
        assert child.stdin
        assert child.stdout
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline().strip() == "((0, 0, 500),)"  # the same namespace
        with hold_process(child.pid) as held:
            assert held.uid_map == ((0, 1000, 500),)  # from above it
        child.stdin.write("\n")
        child.stdin.flush()
    assert child.returncode == 0


def test_descriptors_are_closed_afterwards(sleeper: subprocess.Popen[bytes]) -> None:
    before = os.listdir("/proc/self/fd")
    with hold_process(sleeper.pid) as process:
        process.recheck()
        assert len(os.listdir("/proc/self/fd")) > len(before)
    assert os.listdir("/proc/self/fd") == before


def test_a_hostile_command_name_does_not_shift_the_fields() -> None:
    script = "printf 'x) Z 1 (\\n' > /proc/self/comm; echo ready; read forever"
    child = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        named = Path(f"/proc/{child.pid}/stat").read_text()
        with hold_process(child.pid) as process:
            assert process.start_time == int(named.rpartition(")")[2].split()[19])
        child.stdin.close()
    assert ") Z" in named


def test_a_process_that_does_not_exist_is_an_error() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(LabError, match=f"no process {child.pid}"), hold_process(child.pid):
        pass


def test_a_zombie_has_no_root_to_read() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(LabError, match="zombie"), hold_process(child.pid):
        pass
    child.wait()


CALLS = ("open", "readlink", "listdir", "read", "pidfd_open")


def test_a_process_may_end_before_any_step_of_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call to the system in turn finds that the process has just ended and was reaped."""
    real = {name: getattr(os, name) for name in CALLS}
    told: list[str] = []
    for last in range(1000):
        child = subprocess.Popen(["sleep", "600"])
        calls = 0

        def end_before(name: str, child: subprocess.Popen[bytes], last: int) -> Any:
            def call(*args: Any, **options: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == last + 1:
                    child.kill()
                    child.wait()
                return real[name](*args, **options)

            return call

        with monkeypatch.context() as patch, child:
            for name in CALLS:
                patch.setattr(os, name, end_before(name, child, last))
            try:
                with hold_process(child.pid) as process:
                    process.recheck()
            except LabError as error:
                told.append(error.what.replace(f"process {child.pid}", "process PID"))
            child.kill()
        if calls <= last:
            break
    assert calls == last  # the last round was not disturbed
    assert len(told) > last * 0.8 > 15  # the rest ended after the last look
    assert all(re.search("process PID( |$)", what) for what in told)


def test_a_process_that_ends_is_noticed(sleeper: subprocess.Popen[bytes]) -> None:
    with hold_process(sleeper.pid) as process:
        sleeper.kill()
        sleeper.wait()
        with pytest.raises(LabError, match="ended while it was read"):
            process.recheck()


def test_the_files_of_an_ended_process_never_become_those_of_another(
    sleeper: subprocess.Popen[bytes],
) -> None:
    with hold_process(sleeper.pid) as process:
        sleeper.kill()
        sleeper.wait()
        with pytest.raises((ProcessLookupError, FileNotFoundError)):
            os.close(os.open("stat", os.O_RDONLY, dir_fd=process.proc_fd))


def test_another_process_behind_the_same_number_is_noticed(
    sleeper: subprocess.Popen[bytes],
) -> None:
    with hold_process(os.getpid()) as other, hold_process(sleeper.pid) as process:
        assert other.start_time != process.start_time
        reused = replace(process, pid=other.pid, pidfd=other.pidfd, proc_fd=other.proc_fd)
        with pytest.raises(LabError, match="replaced"):
            reused.recheck()
