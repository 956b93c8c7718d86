"""Whether a container has a process to look at, and whether a process is that container's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scratchlab.collect.process import Process, hold
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.procfs import parse_stat

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


_MINUTE = 60.0  # seconds
_REMEDY = {
    "created": ("was created but never started", "start it: {engine} start {name}"),
    "configured": ("was created but never started", "start it: {engine} start {name}"),
    "exited": ("is stopped (exit code {code})", "start it: {engine} start {name}"),
    "stopped": ("is stopped (exit code {code})", "start it: {engine} start {name}"),
    "stopping": ("is stopping", "wait, then start it: {engine} start {name}"),
    "restarting": ("is restarting (exit code {code})", "see why: {engine} logs {name}"),
    "removing": ("is being removed", "list what runs: {engine} ps"),
    "dead": ("is dead", "remove it: {engine} rm -f {name}"),
}


def running_pid(inspect: Mapping[str, Any], engine: str) -> int:
    """The PID of the container's process; raises LabError unless it runs (paused will do)."""
    state = inspect.get("State") or {}
    status, pid = str(state.get("Status", "")), int(state.get("Pid") or 0)
    name = str(inspect.get("Name", "")).lstrip("/")
    # Docker keeps "restarting" with Running true and no process between two attempts.
    if status in _REMEDY or pid <= 0:
        what, remedy = _REMEDY.get(status, ("has no process", "list what runs: {engine} ps"))
        words = {"engine": engine, "name": name, "code": state.get("ExitCode", "?")}
        raise LabError(f"container {name} {what.format(**words)}", remedy.format(**words))
    return pid


def same_run(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two descriptions of a container are of the same run of its process."""
    first, second = before.get("State") or {}, after.get("State") or {}
    return all(first.get(key) == second.get(key) for key in ("Pid", "StartedAt"))


def belongs(process: Process, container: str, parent: int) -> bool:
    """Whether ``process`` is one of the container with that id, by the kernel's word.

    Its control group, one of its mounts or its parent (the shim, conmon) names the id.
    """
    named = container.encode()
    return (
        named in _read("cgroup", process.proc_fd)
        or any(container in field for one in process.mounts for field in (one.root, one.source))
        or any(container in option for one in process.mounts for option in one.super_options)
        or (parent > 1 and named in _read(f"/proc/{parent}/cmdline"))
    )


def is_first(process: Process, inspect: Mapping[str, Any]) -> bool:
    """Whether ``process`` can be the container's first one, by its namespaces.

    In a PID namespace of the container's own it has number 1, and it is in none of ours.
    """
    mode = str((inspect.get("HostConfig") or {}).get("PidMode") or "private")
    if mode not in ("private", "shareable"):
        return True
    numbers = re.search(rb"^NSpid:(.*)$", _read("status", process.proc_fd), re.MULTILINE)
    if numbers is not None and numbers[1].split()[-1:] != [b"1"]:  # Linux 4.1 and later tell
        return False
    own = {name: os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid")}
    return all(process.namespaces.get(name) != link for name, link in own.items())


def started_then(process: Process, inspect: Mapping[str, Any]) -> bool:
    """Whether ``process`` started when the engine says that the container did, give or take a
    minute: for the engine's own work, and for corrections of the clock.
    """
    told = str((inspect.get("State") or {}).get("StartedAt") or "")
    boot = re.search(rb"^btime ([0-9]+)$", _read("/proc/stat"), re.MULTILINE)
    try:
        # Docker writes nanoseconds, which Python does not read.
        then = datetime.fromisoformat(re.sub(r"\.[0-9]+", "", told)).timestamp()
    except ValueError:
        return False
    ticks = os.sysconf("SC_CLK_TCK")
    return boot is not None and abs(int(boot[1]) + process.start_time / ticks - then) < _MINUTE


def parent_pid(process: Process) -> int:
    """The PID of the parent of ``process``, 0 when it is outside of our PID namespace."""
    try:
        return parse_stat(_read("stat", process.proc_fd)).parent
    except ValueError:  # it ended meanwhile
        return 0


def _read(name: str, dir_fd: int | None = None) -> bytes:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
        with open(fd, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


# The process of a container, held, and proved to be that container's.


@contextmanager
def hold_container(
    client: EngineClient, inspect: Json, *, strict: bool = False
) -> Iterator[Process]:
    """Hold the process of the container that ``inspect`` describes, proved to be that one.

    ``strict``: the start that the engine tells must be the process's, too (an engine's clock may
    have been set since, so that a wish for this vantage does not ask for it). Raises LabError
    unless the container runs and its process is visible from here.
    """
    pid = running_pid(inspect, client.name)
    with ExitStack() as stack:
        try:
            process = stack.enter_context(hold(pid))
        except LabError:
            _still(client, inspect)
            _refuse_if_elsewhere(client, pid)
            raise
        # Once held, the number cannot be reused unnoticed: now the engine's word is binding.
        _still(client, inspect)
        ours = belongs(process, inspect["Id"], parent_pid(process)) and is_first(process, inspect)
        if not ours or (strict and not started_then(process, inspect)):
            raise _elsewhere(client, pid)
        yield process


def _still(client: EngineClient, inspect: Json) -> None:
    now = client.inspect_container(inspect["Id"])
    running_pid(now, client.name)
    if not same_run(inspect, now):
        name = str(inspect.get("Name", "")).lstrip("/")
        raise LabError(f"container {name} was restarted meanwhile", "run it again")


def _refuse_if_elsewhere(client: EngineClient, pid: int) -> None:
    if not client.url.startswith("unix://"):
        raise _elsewhere(client, pid)


def _elsewhere(client: EngineClient, pid: int) -> LabError:
    return LabError(
        f"process {pid} of the engine at {client.url} is no process of that container here: the"
        " engine counts its processes on another machine or in another PID namespace, and"
        " --vantage host is impossible",
        "run scratchlab where the engine runs (in a container: with --pid host), or use"
        " --vantage debug",
    )
