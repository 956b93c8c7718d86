"""Hold the process of a container, with the proof that it is that container's process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from scratchlab.collect.process import Process, hold_process
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.moments import started_at
from scratchlab.procfs import parse_stat

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


_NANOSECONDS = 1_000_000_000
_TOLERANCE = 60.0  # seconds between the engine's start time and the kernel's
# By State.Status: what a message says of the container, and the remedy.
_NOT_RUNNING = {
    "created": ("was created but never started", "start it: {engine} start {name}"),
    "configured": ("was created but never started", "start it: {engine} start {name}"),
    "exited": ("is stopped (exit code {code})", "start it: {engine} start {name}"),
    "stopped": ("is stopped (exit code {code})", "start it: {engine} start {name}"),
    "stopping": ("is stopping", "wait, then start it: {engine} start {name}"),
    "restarting": ("is restarting (exit code {code})", "see why: {engine} logs {name}"),
    "removing": ("is being removed", "list the running ones: {engine} ps"),
    "dead": ("is dead", "remove it: {engine} rm -f {name}"),
}


@contextmanager
def hold_container(
    client: EngineClient, inspect: Json, *, strict: bool = False
) -> Iterator[Process]:
    """Hold the process of the container that ``inspect`` describes during the block.

    It is proved to be that container's first process. ``strict``: its start time must be the one
    that the engine reports, too (not where the user asked for this vantage: the clock may have
    been set since). Raises LabError unless the container runs and this machine shows its process.
    """
    pid = running_pid(inspect, client.name)
    with ExitStack() as stack:
        try:
            process = stack.enter_context(hold_process(pid, at_namespace_root=True))
        except LabError as error:
            _check_same_run(client, inspect)
            # The engine just confirmed that it runs: also behind a unix socket (nested
            # engine) the number is then another PID namespace's. Root sees all (proc(5), hidepid).
            elsewhere = os.geteuid() == 0 and not os.path.exists(f"/proc/{pid}")
            if elsewhere or not client.url.startswith("unix://"):
                raise _not_on_this_machine(client, pid) from error
            raise
        # Asked again once the process is held: from now on its PID cannot be reused unnoticed.
        _check_same_run(client, inspect)
        proved = belongs_to(process, inspect["Id"], parent_pid(process))
        proved = proved and is_first_process(process, inspect)
        if not proved or (strict and not started_with(process, inspect)):
            raise _not_on_this_machine(client, pid)
        yield process


def _check_same_run(client: EngineClient, inspect: Json) -> None:
    now = client.inspect_container(inspect["Id"])
    running_pid(now, client.name)
    if not same_run(inspect, now):
        name = str(inspect.get("Name", "")).lstrip("/")
        raise LabError(f"container {name} was restarted meanwhile", "run it again")


def _not_on_this_machine(client: EngineClient, pid: int) -> LabError:
    return LabError(
        f"the container's process, {pid} for the engine at {client.url}, is not on this machine:"
        " the engine runs on another machine or in another PID namespace, and --vantage host is"
        " impossible",
        "run scratchlab where the engine runs (in a container: with --pid host), or use"
        " --vantage debug",
    )


def running_pid(inspect: Mapping[str, Any], engine: str) -> int:
    """The PID of the container's process. Raises LabError unless it runs or is paused."""
    state = inspect.get("State") or {}
    status, pid = str(state.get("Status", "")), int(state.get("Pid") or 0)
    name = str(inspect.get("Name", "")).lstrip("/")
    # Between two attempts Docker's "restarting" has Running true and a PID without a process.
    if status in _NOT_RUNNING or pid <= 0:
        unknown = ("has no process", "list the running ones: {engine} ps")
        what, remedy = _NOT_RUNNING.get(status, unknown)
        values = {"engine": engine, "name": name, "code": state.get("ExitCode", "?")}
        raise LabError(f"container {name} {what.format(**values)}", remedy.format(**values))
    return pid


def same_run(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two descriptions of a container are of the same run of its process."""
    first, second = before.get("State") or {}, after.get("State") or {}
    return all(first.get(key) == second.get(key) for key in ("Pid", "StartedAt"))


def belongs_to(process: Process, container: str, parent: int) -> bool:
    """Whether the kernel shows that ``process`` is one of the container with the id ``container``.

    Its control group, one of its mounts or its parent's command line (the shim's, conmon's) has
    the id. ``parent`` is the PID of that parent, 0 if it is not known.
    """
    name = container.encode()
    mounts = process.mounts
    return (
        name in _read("cgroup", process.proc_fd)
        or any(container in field for mount in mounts for field in (mount.root, mount.source))
        or any(container in option for mount in mounts for option in mount.super_options)
        or (parent > 1 and name in _read(f"/proc/{parent}/cmdline"))
    )


def is_first_process(process: Process, inspect: Mapping[str, Any]) -> bool:
    """Whether ``process`` can be the container's first process, by its namespaces.

    In the container's own PID namespace its number is 1, and it shares neither its mount nor its
    PID namespace with this program.
    """
    mode = str((inspect.get("HostConfig") or {}).get("PidMode") or "private")
    if mode not in ("private", "shareable"):
        return True
    if number_inside(process) not in (1, None):
        return False
    own = {name: os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid")}
    return all(process.namespaces.get(name) != link for name, link in own.items())


def number_inside(process: Process) -> int | None:
    """The number of ``process`` in its own PID namespace; None if the kernel does not tell
    (proc_pid_status(5): NSpid, since Linux 4.1), 0 if the line names none.
    """
    numbers = re.search(rb"^NSpid:(.*)$", _read("status", process.proc_fd), re.MULTILINE)
    return None if numbers is None else int([b"0", *numbers[1].split()][-1])


def started_with(process: Process, inspect: Mapping[str, Any]) -> bool:
    """Whether ``process`` started within a minute of the start that the engine reports.

    The minute is for the engine's own work and for corrections of the clock.
    """
    reported = started_at(inspect)
    boot = re.search(rb"^btime ([0-9]+)$", _read("/proc/stat"), re.MULTILINE)
    if boot is None or reported is None:
        return False
    started = int(boot[1]) + process.start_time / os.sysconf("SC_CLK_TCK")
    return abs(started - reported / _NANOSECONDS) < _TOLERANCE


def parent_pid(process: Process) -> int:
    """The PID of the parent of ``process``, 0 when it is outside this PID namespace."""
    try:
        return parse_stat(_read("stat", process.proc_fd)).parent
    except ValueError:  # the process ended meanwhile
        return 0


def _read(name: str, dir_fd: int | None = None) -> bytes:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
        with open(fd, "rb") as stream:
            return stream.read()
    except OSError:
        return b""
