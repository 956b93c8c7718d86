"""Only a container with a process can be held; the error for each other state names its remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from scratchlab.collect.holding import (
    belongs_to,
    hold_container,
    parent_pid,
    running_pid,
    same_run,
)
from scratchlab.collect.process import hold_process
from scratchlab.errors import LabError


def inspect(status: str, pid: int = 0, code: int = 0) -> dict[str, Any]:
    return {"Name": "/x", "State": {"Status": status, "Pid": pid, "ExitCode": code}}


@pytest.mark.parametrize("status", ["running", "paused"])
def test_a_container_with_a_process_has_its_pid(status: str) -> None:
    assert running_pid(inspect(status, 42), "docker") == 42


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("created", r"container x was created but never started; start it: docker start x"),
        ("exited", r"container x is stopped \(exit code 3\); start it: docker start x"),
        ("restarting", r"container x is restarting \(exit code 3\); see why: docker logs x"),
        ("dead", r"container x is dead; remove it: docker rm -f x"),
        ("removing", r"container x is being removed"),
        ("strange", r"container x has no process"),
    ],
)
def test_a_container_without_a_process_names_the_remedy(status: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        running_pid(inspect(status, 0, 3), "docker")


def test_between_two_attempts_of_a_restart_there_is_no_process() -> None:
    with pytest.raises(LabError, match="restarting"):
        running_pid(inspect("restarting", 42), "docker")


def test_a_restart_is_another_run() -> None:
    before = {"State": {"Pid": 42, "StartedAt": "1"}}
    assert same_run(before, {"State": {"Pid": 42, "StartedAt": "1", "Paused": True}})
    assert not same_run(before, {"State": {"Pid": 42, "StartedAt": "2"}})
    assert not same_run(before, {"State": {"Pid": 43, "StartedAt": "1"}})


def test_an_unrelated_process_does_not_belong_to_a_container() -> None:
    with hold_process(os.getpid()) as process:
        assert not belongs_to(process, "0123456789abcdef" * 4, parent_pid(process))


def test_a_process_belongs_to_the_container_of_its_parent_the_shim() -> None:
    container = "0123456789abcdef" * 4
    code = "import os, sys; os.fork() or input(); os.wait()"
    shim = [sys.executable, "-c", code, "-id", container]
    with subprocess.Popen(shim, stdin=subprocess.PIPE) as parent:
        children = f"/proc/{parent.pid}/task/{parent.pid}/children"
        while not (listed := open(children).read().split()):  # noqa: SIM115
            pass
        with hold_process(int(listed[0])) as process:
            assert parent_pid(process) == parent.pid
            assert belongs_to(process, container, parent.pid)
            assert not belongs_to(process, "f" * 64, parent.pid)
        parent.communicate(b"\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="others may not see every process")
def test_a_process_of_a_nested_engine_is_in_another_pid_namespace() -> None:
    state = {**inspect("running", 2**22 + 7), "Id": "0" * 64}  # above every PID, proc(5) pid_max
    client: Any = SimpleNamespace(
        name="docker", url="unix:///nested/docker.sock", inspect_container=lambda _: state
    )
    message = "not on this machine: .* another PID namespace.*--vantage debug"
    with pytest.raises(LabError, match=message), hold_container(client, state):
        pass
