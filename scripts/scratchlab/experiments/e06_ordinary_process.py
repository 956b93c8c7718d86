"""E06: the container runs, and to the host it is an ordinary process.

proc_pid_exe(5): the link is resolved in the mount namespace of the process, so the host reads
`/sleep`, a path that the host itself does not have. proc_pid_status(5): NSpid lists the PID in
each nested PID namespace, outermost first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from docker.errors import APIError

from scratchlab.collect.remote.debug_view import open_debug_container
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.labels import is_ours
from scratchlab.model import Json


@dataclass(frozen=True)
class Observation:
    """What engine and kernel report of one process; only the status if it is not the lab's.

    ``shell_exit`` is the exit status of `docker exec CONTAINER sh` (None: the engine refused to
    start it), ``shell`` its output or the refusal.
    """

    found: bool
    ours: bool = False
    status: str = ""
    same_image: bool = False
    pid: int = 0
    path: str = ""
    exe: str = ""
    ns_pids: tuple[int, ...] = ()
    parent: str = ""
    shell_exit: int | None = 0
    shell: str = ""


def probe(lab: Laboratory) -> Observation:
    """Inspect the container, read /proc, try a shell. One without the lab's label is left alone."""
    container = lab.container(lab.names.container)
    if container is None:
        return Observation(found=False)
    status = str(container["State"]["Status"])
    if not is_ours(container["Config"].get("Labels")):
        return Observation(found=True, status=status)
    image = lab.image(lab.names.image)
    same = image is not None and image["Id"] == container["Image"]
    pid = int(container["State"]["Pid"])
    if not pid:
        return Observation(found=True, ours=True, status=status, same_image=same)
    process = _read_locally(pid) if lab.engine_is_local else _read_by_engine(lab, container)
    shell_exit, shell = _try_shell(lab, container)
    return Observation(
        found=True,
        ours=True,
        status=status,
        same_image=same,
        pid=pid,
        path=str(container["Path"]),
        exe=process.exe,
        ns_pids=process.ns_pids,
        parent=process.parent,
        shell_exit=shell_exit,
        shell=shell,
    )


class _Process(NamedTuple):
    exe: str
    ns_pids: tuple[int, ...]
    parent: str


def _read_locally(pid: int) -> _Process:
    proc = Path("/proc") / str(pid)
    fields = dict(
        line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line
    )
    parent = Path("/proc") / fields["PPid"].strip() / "comm"
    return _Process(
        exe=os.readlink(proc / "exe"),
        ns_pids=tuple(int(number) for number in fields["NSpid"].split()),
        parent=parent.read_text(errors="surrogateescape").strip(),
    )


def _read_by_engine(lab: Laboratory, container: Json) -> _Process:
    """A process on another machine, from outside (`docker top`) and from a debug container."""
    listed = lab.api.top(container["Id"], ps_args="-eo pid,ppid")["Processes"]
    parents = {int(row[0]): row[1] for row in listed}
    pid = int(container["State"]["Pid"])
    with open_debug_container(lab.engine, container) as debug:
        inside = debug.process
    ns_pids = (pid, inside.pid) if pid in parents else (inside.pid,)
    return _Process(inside.exe, ns_pids, f"process {parents.get(pid, '?')} on that machine")


def _try_shell(lab: Laboratory, container: Json) -> tuple[int | None, str]:
    attempt = lab.api.exec_create(container["Id"], ["sh"])["Id"]
    try:
        output = lab.api.exec_start(attempt).decode("utf-8", "surrogateescape")
    except APIError as error:  # some engines refuse at once, others report it in the stream
        return None, " ".join(str(error.explanation).split())
    status = int(lab.api.exec_inspect(attempt)["ExitCode"] or 0)
    return status, " ".join(output.split())


def judge(observation: Observation) -> ExperimentOutcome:
    """The lab's, running, PID 1 of its own namespace, executing its program, without a shell."""
    if not observation.found:
        return ExperimentOutcome("no such container", fault="no-container")
    if not observation.ours:
        return ExperimentOutcome(
            f"a {observation.status} container without the lab's label", fault="foreign"
        )
    values = {
        "status": observation.status,
        "pid": str(observation.pid),
        "exe": observation.exe,
        "path": observation.path,
    }
    if observation.status != "running" or not observation.pid:
        observed = f"the container does not run: {observation.status}"
        return ExperimentOutcome(observed, fault="not-running", placeholders=values)
    observed = (
        f"PID {observation.pid}, a child of {observation.parent}, exe -> {observation.exe}, "
        f"NSpid {' '.join(map(str, observation.ns_pids))}"
    )
    if not observation.same_image:
        return ExperimentOutcome(observed, fault="other-image", placeholders=values)
    if observation.exe != observation.path:
        return ExperimentOutcome(observed, fault="other-program", placeholders=values)
    if (
        observation.ns_pids[:1] != (observation.pid,)
        or observation.ns_pids[-1:] != (1,)
        or len(observation.ns_pids) < 2
    ):
        return ExperimentOutcome(observed, fault="no-namespace", placeholders=values)
    if observation.shell_exit == 0:
        return ExperimentOutcome(
            f"{observed}; sh ran in it: {observation.shell}", fault="shell", placeholders=values
        )
    return ExperimentOutcome(f"{observation.shell}\n{observed}; no shell in it")
