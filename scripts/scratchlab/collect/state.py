"""Whether a container has a process to look at, and whether a process is that container's."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scratchlab.collect.process import Process
from scratchlab.errors import LabError

_MINUTE = 60.0  # seconds
_MEND = {
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
    if status in _MEND or pid <= 0:
        what, mend = _MEND.get(status, ("has no process", "list what runs: {engine} ps"))
        words = {"engine": engine, "name": name, "code": state.get("ExitCode", "?")}
        raise LabError(f"container {name} {what.format(**words)}", mend.format(**words))
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


def start_time(stat: bytes) -> int:
    """Field 22 of /proc/PID/stat, in clock ticks after boot. Raises IndexError, ValueError."""
    # The second field is the command's name in parentheses and may hold any byte.
    return int(stat.rpartition(b")")[2].split()[19])


def parent_pid(process: Process) -> int:
    """The PID of the parent of ``process``, 0 when it is outside of our PID namespace."""
    # The second field is the command's name in parentheses and may hold any byte.
    fields = _read("stat", process.proc_fd).rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _read(name: str, dir_fd: int | None = None) -> bytes:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
        with open(fd, "rb") as stream:
            return stream.read()
    except OSError:
        return b""
