"""E06: the container runs, and the host sees it as an ordinary process.

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

from scratchlab.collect import remote
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.labels import is_ours
from scratchlab.model import Json


@dataclass(frozen=True)
class Observation:
    """The engine's word and the kernel's word on one process; nothing more of a stranger's.

    ``shell_exit`` is the exit status of `docker exec CONTAINER sh` (None: the engine refused to
    start it), ``shell`` what it printed.
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
    """Inspect, look into /proc, try a shell. A container without the lab's label is left alone."""
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
    process = _here(pid) if lab.here else _through_the_engine(lab, container)
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


def _here(pid: int) -> _Process:
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


def _through_the_engine(lab: Laboratory, container: Json) -> _Process:
    """On another machine: its own `ps`, which the engine runs there (docker top), sees the
    process from outside, a debug container from inside.
    """
    listed = lab.api.top(container["Id"], ps_args="-eo pid,ppid")["Processes"]
    parents = {int(row[0]): row[1] for row in listed}
    pid = int(container["State"]["Pid"])
    with remote.open_window(lab.engine, container) as window:
        seen = window.seen
    numbers = (pid, seen.pid) if pid in parents else (seen.pid,)
    return _Process(seen.exe, numbers, f"process {parents.get(pid, '?')} there")


def _try_shell(lab: Laboratory, container: Json) -> tuple[int | None, str]:
    attempt = lab.api.exec_create(container["Id"], ["sh"])["Id"]
    try:
        output = lab.api.exec_start(attempt).decode("utf-8", "surrogateescape")
    except APIError as error:  # some engines refuse here, others start it and say so in the stream
        return None, " ".join(str(error.explanation).split())
    status = int(lab.api.exec_inspect(attempt)["ExitCode"] or 0)
    return status, " ".join(output.split())


def judge(seen: Observation) -> ExperimentOutcome:
    """Ours, running, PID 1 of its own namespace, /proc/PID/exe is the program, and no shell."""
    if not seen.found:
        return ExperimentOutcome("no such container", fault="no-container")
    if not seen.ours:
        return ExperimentOutcome(
            f"a {seen.status} container without the lab's label", fault="foreign"
        )
    words = {"status": seen.status, "pid": str(seen.pid), "exe": seen.exe, "path": seen.path}
    if seen.status != "running" or not seen.pid:
        return ExperimentOutcome(
            f"the container is {seen.status}", fault="not-running", words=words
        )
    said = (
        f"PID {seen.pid}, a child of {seen.parent}, exe -> {seen.exe}, "
        f"NSpid {' '.join(map(str, seen.ns_pids))}"
    )
    if not seen.same_image:
        return ExperimentOutcome(said, fault="other-image", words=words)
    if seen.exe != seen.path:
        return ExperimentOutcome(said, fault="other-program", words=words)
    if seen.ns_pids[:1] != (seen.pid,) or seen.ns_pids[-1:] != (1,) or len(seen.ns_pids) < 2:
        return ExperimentOutcome(said, fault="no-namespace", words=words)
    if seen.shell_exit == 0:
        return ExperimentOutcome(
            f"{said}; sh ran in there: {seen.shell}", fault="shell", words=words
        )
    return ExperimentOutcome(f"{seen.shell}\n{said}; no shell in there")
