"""What a process that cannot be read or held means, word for word; and the proofs of holding."""

from __future__ import annotations

import errno
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scratchlab.collect import holding
from scratchlab.collect.holding import (
    belongs_to,
    is_first_process,
    parent_pid,
    running_pid,
    started_with,
)
from scratchlab.collect.process import Process, _refusal, _uid_map, hold_process
from scratchlab.errors import LabError
from scratchlab.model import Mount

ID = "c0ffee" * 10


def words(error: LabError) -> tuple[str, str]:
    return error.what, error.remedy


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, ("no permission to read process 7", "run it as root, with sudo")),
        (errno.EPERM, ("no permission to read process 7", "run it as root, with sudo")),
        *(
            (number, ("there is no process 7", "list the running ones: docker ps"))
            for number in (errno.ENOENT, errno.ESRCH, errno.EINVAL, errno.ENOTDIR)
        ),
        (errno.EIO, ("process 7 cannot be read: Input/output error", "")),
    ],
)
def test_each_error_of_the_system_has_its_words(
    number: int, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert words(_refusal(7, OSError(number, os.strerror(number)))) == expected


def test_root_may_be_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert words(_refusal(7, OSError(errno.EPERM, ""))) == (
        "no permission to read process 7",
        "root is not enough: the process has capabilities that this shell lacks",
    )


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process, of root's with mounts of its own: an engine may change the machine's meanwhile."""
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else []
    with subprocess.Popen([*alone, "sleep", "600"]) as child:
        try:
            while Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
                time.sleep(0.01)
            yield child
        finally:
            child.kill()


@contextmanager
def held() -> Iterator[Process]:
    with sleeper() as child, hold_process(child.pid) as process:
        yield process


def refused(process: Process) -> tuple[str, str]:
    with pytest.raises(LabError) as raised:
        process.recheck()
    return words(raised.value)


def test_each_change_of_a_held_process_has_its_words() -> None:
    again = "run it again"
    with held() as process:
        process.recheck()
        pid = process.pid
        other = replace(process, start_time=process.start_time + 1)
        assert refused(other) == (f"process {pid} was replaced while it was read", again)
        moved = replace(process, namespaces={**process.namespaces, "mnt": "mnt:[1]"})
        assert refused(moved) == (f"process {pid} moved to another mount namespace", again)
        elsewhere = os.open("/tmp", os.O_PATH)
        changed = replace(process, root_fd=elsewhere)
        assert refused(changed) == (f"process {pid} changed its root directory", again)
        os.close(elsewhere)
        fewer = replace(process, mounts=process.mounts[:-2])
        what, remedy = refused(fewer)
        assert what.startswith(f"the mounts of process {pid} changed while it was read: ")
        more = what.split(": ", 1)[1].split("; ")
        last = process.mounts[-2:]
        assert more == [f"+ {mount.fstype} on {mount.target}" for mount in last]
        gone = {mount.target for mount in last}
        assert remedy == again
        fewer.recheck(gone.__contains__)  # they may come and go


def test_an_ended_process_and_a_zombie_have_their_words() -> None:
    with sleeper() as child, hold_process(child.pid) as process:
        child.kill()
        child.wait()
        assert refused(process) == (f"process {child.pid} ended while it was read", "run it again")
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(LabError) as raised, hold_process(zombie.pid):
        pass
    assert words(raised.value) == (
        f"process {zombie.pid} has ended (a zombie)", "start the container again",
    )  # fmt: skip
    zombie.wait()


def test_a_check_does_not_wait_for_the_end_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def asked(_read: object, _write: object, _other: object, seconds: float) -> tuple[object, ...]:
        waits.append(seconds)
        return [], [], []

    with held() as process:
        monkeypatch.setattr(select, "select", asked)
        process.recheck()
        monkeypatch.undo()
    assert waits == [0]


def test_ids_within_one_user_namespace_are_the_processes_own(tmp_path: Path) -> None:
    """The kernel shows there how the namespace above maps them."""
    (tmp_path / "uid_map").write_text("0 1000 500\n")
    own = os.readlink("/proc/self/ns/user")
    fd = os.open(tmp_path, os.O_PATH)
    assert _uid_map(fd, {"user": own, "mnt": "mnt:[1]"}) == ((0, 0, 500),)
    assert _uid_map(fd, {"user": "user:[1]", "mnt": own}) == ((0, 1000, 500),)
    os.close(fd)


@pytest.mark.root
def test_a_kernel_thread_is_no_containers_process() -> None:
    threads = (
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if not (path / "cmdline").read_bytes() and (path / "stat").read_text().split()[3] == "2"
    )
    number = next(threads, None)
    if number is None:
        pytest.skip("no kernel thread is in this PID namespace")
    with pytest.raises(LabError) as raised, hold_process(number):
        pass
    what = f"process {number} is a kernel thread, not a container's process"
    assert words(raised.value) == (what, "")


# Holding:


@pytest.mark.parametrize(
    ("inspect", "expected"),
    [
        ({}, ("container  has no process", "list the running ones: docker ps")),
        ({"State": {"Status": "exited"}, "Name": "/XX"},
         ("container XX is stopped (exit code ?)", "start it: docker start XX")),
        ({"State": {"Status": "running", "Pid": 0}, "Name": "x/"},
         ("container x/ has no process", "list the running ones: docker ps")),
        ({"State": {"Status": "restarting", "Pid": 5, "ExitCode": 3}, "Name": "/x"},
         ("container x is restarting (exit code 3)", "see why: docker logs x")),
    ],
)  # fmt: skip
def test_a_container_that_does_not_run_has_its_words(
    inspect: dict[str, Any], expected: tuple[str, str]
) -> None:
    with pytest.raises(LabError) as raised:
        running_pid(inspect, "docker")
    assert words(raised.value) == expected


@pytest.mark.parametrize(("name", "shown"), [("/x", "x"), ("/Xx", "Xx"), ("", ""), (None, "")])
def test_a_container_that_was_restarted_has_its_words(name: str | None, shown: str) -> None:
    state = {"Status": "running", "Pid": 5, "StartedAt": "1"}
    before: dict[str, Any] = {"Id": ID, "State": state}
    if name is not None:
        before["Name"] = name
    now = {**before, "State": {**state, "StartedAt": "2"}}
    client: Any = SimpleNamespace(name="docker", inspect_container=lambda _: now)
    with pytest.raises(LabError) as raised:
        holding._check_same_run(client, before)
    assert words(raised.value) == (f"container {shown} was restarted meanwhile", "run it again")
    client.inspect_container = {ID: before}.__getitem__
    holding._check_same_run(client, before)


def test_a_container_that_was_stopped_meanwhile_has_its_words() -> None:
    before = {"Id": ID, "Name": "/x", "State": {"Status": "running", "Pid": 5}}
    now = {**before, "State": {"Status": "exited", "ExitCode": 137}}
    client: Any = SimpleNamespace(name="podman", inspect_container={ID: now}.__getitem__)
    with pytest.raises(LabError) as raised:
        holding._check_same_run(client, before)
    assert words(raised.value) == (
        "container x is stopped (exit code 137)", "start it: podman start x",
    )  # fmt: skip


def test_a_process_may_have_any_number() -> None:
    assert running_pid({"State": {"Status": "running", "Pid": 1}}, "docker") == 1


def test_a_process_of_another_machine_has_its_words() -> None:
    client: Any = SimpleNamespace(url="tcp://h:1")
    assert words(holding._not_on_this_machine(client, 7)) == (
        "the container's process, 7 for the engine at tcp://h:1, is not on this machine: the engine"
        " runs on another machine or in another PID namespace, and --vantage host is impossible",
        "run scratchlab where the engine runs (in a container: with --pid host), or use --vantage"
        " debug",
    )


def test_a_process_belongs_to_the_container_that_its_mounts_name() -> None:
    with held() as process:
        plain = replace(process, mounts=())
        assert not belongs_to(plain, ID, 0)
        some = Mount(1, 0, (0, 1), "/", "/", (), (), "overlay", "overlay", ("rw",))
        for changes in ({"root": f"/x/{ID}"}, {"source": ID}, {"super_options": ("a", f"u={ID}")}):
            named = replace(some, **changes)
            assert belongs_to(replace(process, mounts=(some, named)), ID, 0)
        assert not belongs_to(replace(process, mounts=(some,)), ID, 0)


def test_a_process_belongs_to_the_container_of_its_control_group_or_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts: dict[tuple[str, bool], bytes] = {}

    def read(name: str, dir_fd: int | None = None) -> bytes:
        return texts.get((name, dir_fd is not None), b"")

    monkeypatch.setattr(holding, "_read", read)
    with held() as process:
        plain = replace(process, mounts=())
        texts["cgroup", True] = b"0::/docker/" + ID.encode()
        assert belongs_to(plain, ID, 0)
        texts.clear()
        texts["cgroup", False] = ID.encode()  # of this process
        assert not belongs_to(plain, ID, 0)
        for parent in (1, 2):
            texts[f"/proc/{parent}/cmdline", False] = b"shim\0-id\0" + ID.encode()
        assert belongs_to(plain, ID, 2)
        assert not belongs_to(plain, ID, 1)  # this machine's first process is no shim


def test_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    assert holding._read(str(tmp_path / "f")) == b"x"
    assert holding._read(str(tmp_path / "none")) == b""


@pytest.mark.parametrize("mode", ["", "private", "shareable", None])
def test_a_process_of_this_namespace_is_no_containers_first(mode: str | None) -> None:
    inspect = {"HostConfig": {"PidMode": mode}} if mode is not None else {}
    with held() as process:
        assert not is_first_process(process, inspect)
        assert not is_first_process(process, {"HostConfig": None})


@pytest.mark.parametrize("mode", ["host", "container:x"])
def test_in_a_shared_pid_namespace_numbers_tell_nothing(mode: str) -> None:
    with held() as process:
        assert is_first_process(process, {"HostConfig": {"PidMode": mode}})


@pytest.mark.parametrize(
    ("started", "expected"),
    [(0, True), (50, True), (-50, True), (70, False), (-70, False)],
)
def test_the_start_is_the_one_that_the_engine_reports(started: int, expected: bool) -> None:
    import datetime  # noqa: PLC0415

    with held() as process:
        moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=started)
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
        assert started_with(process, {"State": {"StartedAt": text}}) is expected


def test_without_a_start_it_is_not_that_one() -> None:
    with held() as process:
        for inspect in ({}, {"State": None}, {"State": {"StartedAt": "never"}}):
            assert not started_with(process, inspect)


def test_the_parent_is_that_of_the_kernel() -> None:
    with held() as process:
        assert parent_pid(process) == os.getpid()
        nowhere = os.open("/", os.O_PATH)
        assert parent_pid(replace(process, proc_fd=nowhere)) == 0
        os.close(nowhere)
