"""E11: mounts vanish with the container, measured on a probe container of the experiment's own.

mount_namespaces(7): a mount namespace ends with its last process, and all its mounts with it. The
engine itself must unmount what it mounted outside: the merged layers, and the file that holds the
network namespace. Where the engine is elsewhere, its own lists are asked (e11_engine_lists).
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scratchlab import mountinfo
from scratchlab.deadlines import Deadline
from scratchlab.errors import LabError
from scratchlab.experiments import e11_engine_lists
from scratchlab.experiments.e11_engine_lists import ListedStage
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Json
from scratchlab.text import visible

_SETTLE_SECONDS = 5.0  # containerd and the engine still clean up after their answer
_STOP_SECONDS = 2  # then the engine kills it; PID 1 ignores SIGTERM
# Where containerd 1.4 to 2.1 keeps running tasks: as a system service, and as dockerd's child.
_TASK_DIRECTORIES = (
    "/run/containerd/io.containerd.runtime.v2.task/moby",
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
)


@dataclass(frozen=True)
class Stage:
    """The traces of the probe container at one moment.

    ``own_mounts`` counts the mounts in its own mount namespace; ``folders`` (a key of saved
    observations) are its directories on the host. ``handle``: whether the file on which the engine
    mounts the network namespace exists; it is empty once that is unmounted.
    """

    name: str
    process: bool
    own_mounts: int
    host_mounts: tuple[str, ...]
    folders: tuple[str, ...]
    namespaces: tuple[str, ...]
    handle: bool


@dataclass(frozen=True)
class Observation:
    """The stages running, stopped and removed; only an ``exit_status`` if it ended at once.

    ``lists``: the stages in the engine's own lists, where it is elsewhere.
    """

    pid: int
    exit_status: int | None
    stages: tuple[Stage, ...]
    lists: tuple[ListedStage, ...] = ()


@dataclass(frozen=True)
class _Marks:
    """What identifies the traces of the probe container."""

    pid: int
    mount_names: tuple[str, ...]  # parts of the paths of its mounts on the host
    directories: tuple[str, ...]
    namespaces: frozenset[str]
    handle: str


def probe(lab: Laboratory) -> Observation:
    """Create, start, stop and remove a probe container; look for its traces each time."""
    if not lab.engine_is_local:
        status, lists = e11_engine_lists.probe(lab)
        return Observation(0, status, (), lists)
    name = f"scratchlab-probe-{secrets.token_hex(4)}"
    # Without a network it needs no bridge, and still has a network namespace of its own.
    container = lab.create(lab.names.image, name=name, network_mode="none")
    lab.start(container)
    inspect: Json = lab.api.inspect_container(container.id)
    pid = int(inspect["State"]["Pid"])
    if not pid:
        return Observation(0, int(inspect["State"]["ExitCode"]), ())
    try:
        marks = _marks(inspect)
    except FileNotFoundError as error:
        raise LabError(f"process {pid} of container {name} is not on this host") from error
    running = _find_traces("running", marks)
    container.stop(timeout=_STOP_SECONDS)
    stopped = _find_settled_traces("stopped", marks, ignore_directories=True)
    container.remove(v=True)
    removed = _find_settled_traces("removed", marks)
    return Observation(pid, None, (running, stopped, removed))


def _marks(inspect: Json) -> _Marks:
    pid, identity = int(inspect["State"]["Pid"]), str(inspect["Id"])
    mount_names = [identity]
    directories = [os.path.join(task, identity) for task in _TASK_DIRECTORIES]
    for key in ("HostnamePath", "LogPath"):
        directory = os.path.dirname(inspect.get(key) or "")
        if identity in directory:
            directories.insert(0, directory)
            break
    sandbox = (inspect.get("NetworkSettings") or {}).get("SandboxKey") or ""
    if sandbox:
        mount_names.append(os.path.join("netns", os.path.basename(sandbox)))
    layers = (inspect.get("GraphDriver") or {}).get("Data") or {}
    if layers.get("UpperDir"):
        layer = os.path.dirname(layers["UpperDir"])
        directories.append(layer)
        mount_names.append(os.path.basename(layer))
    host = {os.readlink(link) for link in Path("/proc/self/ns").iterdir()}
    own = {os.readlink(link) for link in Path(f"/proc/{pid}/ns").iterdir()}
    return _Marks(pid, tuple(mount_names), tuple(directories), frozenset(own - host), sandbox)


def _find_traces(name: str, marks: _Marks) -> Stage:
    mounts: list[str] = []
    left: set[str] = set()
    visited: set[str] = set()
    for directory in _processes():
        with suppress(OSError):  # processes come and go while /proc is read
            namespaces = {os.readlink(link) for link in (directory / "ns").iterdir()}
            left |= namespaces & marks.namespaces
            own = os.readlink(directory / "ns" / "mnt")
            if own in visited or own in marks.namespaces:
                continue
            visited.add(own)
            text = (directory / "mountinfo").read_bytes()
            for mount in mountinfo.parse(text):
                where = f"{mount.fstype} on {mount.target}"
                ours = any(part in mount.target for part in marks.mount_names)
                if ours and where not in mounts:
                    mounts.append(where)
    own_mounts = 0
    process = Path("/proc") / str(marks.pid)
    with suppress(OSError):
        own_mounts = len(mountinfo.parse((process / "mountinfo").read_bytes()))
    return Stage(
        name=name,
        process=process.exists(),
        own_mounts=own_mounts,
        host_mounts=tuple(mounts),
        folders=tuple(directory for directory in marks.directories if os.path.lexists(directory)),
        namespaces=tuple(sorted(left)),
        handle=bool(marks.handle) and os.path.lexists(marks.handle),
    )


def _processes() -> Iterator[Path]:
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal():
            yield directory


def _find_settled_traces(name: str, marks: _Marks, *, ignore_directories: bool = False) -> Stage:
    deadline = Deadline(_SETTLE_SECONDS)
    while True:
        stage = _find_traces(name, marks)
        busy = stage.process or stage.host_mounts or stage.namespaces
        if not (busy or (stage.folders and not ignore_directories)) or deadline.passed():
            return stage
        time.sleep(0.1)


def judge(observation: Observation) -> ExperimentOutcome:
    """Every trace while it runs, no mount and no namespace once stopped, nothing once removed."""
    if observation.lists:
        return e11_engine_lists.judge(observation.lists)
    if not observation.stages:
        values = {"exit_status": str(observation.exit_status)}
        return ExperimentOutcome(
            f"exit status {observation.exit_status} at once", "ended-at-once", placeholders=values
        )
    running, stopped, removed = observation.stages
    observed = "\n".join(_counts(stage) for stage in observation.stages)
    if not (running.process and running.own_mounts and running.folders and running.namespaces):
        return ExperimentOutcome(observed, fault="nothing-seen")
    if not running.host_mounts:
        return ExperimentOutcome(observed, fault="nothing-seen")
    for stage in (stopped, removed):
        if stage.process or stage.own_mounts:
            return ExperimentOutcome(
                observed, fault="process", placeholders={"pid": str(observation.pid)}
            )
        if stage.host_mounts:
            values = {"mounts": "; ".join(map(visible, stage.host_mounts))}
            return ExperimentOutcome(observed, fault="mounts", placeholders=values)
        if stage.namespaces:
            return ExperimentOutcome(
                observed, "namespaces", placeholders={"namespaces": ", ".join(stage.namespaces)}
            )
    if removed.folders:
        values = {"directories": ", ".join(map(visible, removed.folders))}
        return ExperimentOutcome(observed, fault="directories", placeholders=values)
    summary = (
        f"{running.own_mounts} mounts of its own, {len(running.host_mounts)} outside and "
        f"{len(running.namespaces)} namespaces are gone once it is stopped, "
        "its directories once it is removed"
    )
    return ExperimentOutcome(f"{observed}\n{summary}", today=("handle",) if removed.handle else ())


def _counts(stage: Stage) -> str:
    return (
        f"{stage.name}: {_count(stage.own_mounts, 'mount', 'mounts')} in its own namespace, "
        f"{_count(len(stage.host_mounts), 'mount', 'mounts')} outside, "
        f"{_count(len(stage.folders), 'directory', 'directories')}, "
        f"{_count(len(stage.namespaces), 'namespace', 'namespaces')}"
    )


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}" if number else f"no {singular}"
