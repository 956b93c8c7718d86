"""E11: mounts vanish with the container, measured on a twin so that the learner's keeps running.

mount_namespaces(7): a mount namespace, and every mount in it, is gone when its last process is;
what the engine mounted outside of it (the merged layers, the file that holds the network
namespace) the engine must take away itself.
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
from scratchlab.errors import LabError
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Json
from scratchlab.text import visible

_SETTLE_SECONDS = 5.0  # containerd and the engine clean up after they have answered
_STOP_SECONDS = 2
# Where containerd 1.4 to 2.1 keeps a running task, system service and dockerd's own child.
_TASKS = (
    "/run/containerd/io.containerd.runtime.v2.task/moby",
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
)


@dataclass(frozen=True)
class Stage:
    """What was left of the twin at one moment. ``own_mounts``: in its own mount namespace.

    ``handle`` is the file on which the engine mounts the network namespace; once that is gone, an
    empty file.
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
    """The three stages: running, stopped, removed. ``exit_status`` where the twin would not run."""

    pid: int
    exit_status: int | None
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class _Marks:
    """How the twin's traces are recognized."""

    pid: int
    words: tuple[str, ...]
    folders: tuple[str, ...]
    namespaces: frozenset[str]
    handle: str


def probe(lab: Laboratory) -> Observation:
    """Create, start, stop and remove a twin of the container; look for its traces each time."""
    name = f"scratchlab-twin-{secrets.token_hex(4)}"
    # Without a network it still gets a network namespace of its own, and needs no bridge.
    twin = lab.create(lab.names.image, name=name, network_mode="none")
    twin.start()
    inspect: Json = lab.api.inspect_container(twin.id)
    pid = int(inspect["State"]["Pid"])
    if not pid:
        return Observation(0, int(inspect["State"]["ExitCode"]), ())
    try:
        marks = _marks(inspect)
    except FileNotFoundError as error:
        raise LabError(f"process {pid} of container {name} is not on this host") from error
    running = _look("running", marks)
    twin.stop(timeout=_STOP_SECONDS)
    stopped = _settle("stopped", marks, ignore_directories=True)
    twin.remove(v=True)
    removed = _settle("removed", marks)
    return Observation(pid, None, (running, stopped, removed))


def _marks(inspect: Json) -> _Marks:
    pid, identity = int(inspect["State"]["Pid"]), str(inspect["Id"])
    words = [identity]
    directories = [os.path.join(task, identity) for task in _TASKS]
    for key in ("HostnamePath", "LogPath"):
        directory = os.path.dirname(inspect.get(key) or "")
        if identity in directory:
            directories.insert(0, directory)
            break
    sandbox = (inspect.get("NetworkSettings") or {}).get("SandboxKey") or ""
    if sandbox:
        words.append(os.path.join("netns", os.path.basename(sandbox)))
    layers = (inspect.get("GraphDriver") or {}).get("Data") or {}
    if layers.get("UpperDir"):
        layer = os.path.dirname(layers["UpperDir"])
        directories.append(layer)
        words.append(os.path.basename(layer))
    host = {os.readlink(link) for link in Path("/proc/self/ns").iterdir()}
    own = {os.readlink(link) for link in Path(f"/proc/{pid}/ns").iterdir()}
    return _Marks(pid, tuple(words), tuple(directories), frozenset(own - host), sandbox)


def _look(name: str, marks: _Marks) -> Stage:
    mounts: list[str] = []
    left: set[str] = set()
    seen: set[str] = set()
    for directory in _processes():
        with suppress(OSError):  # processes come and go while /proc is read
            spaces = {os.readlink(link) for link in (directory / "ns").iterdir()}
            left |= spaces & marks.namespaces
            mine = os.readlink(directory / "ns" / "mnt")
            if mine in seen or mine in marks.namespaces:
                continue
            seen.add(mine)
            text = (directory / "mountinfo").read_bytes()
            for mount in mountinfo.parse(text):
                where = f"{mount.fstype} on {mount.target}"
                if where not in mounts and any(word in mount.target for word in marks.words):
                    mounts.append(where)
    own = 0
    process = Path("/proc") / str(marks.pid)
    with suppress(OSError):
        own = len(mountinfo.parse((process / "mountinfo").read_bytes()))
    return Stage(
        name=name,
        process=process.exists(),
        own_mounts=own,
        host_mounts=tuple(mounts),
        folders=tuple(directory for directory in marks.folders if os.path.lexists(directory)),
        namespaces=tuple(sorted(left)),
        handle=bool(marks.handle) and os.path.lexists(marks.handle),
    )


def _processes() -> Iterator[Path]:
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal():
            yield directory


def _settle(name: str, marks: _Marks, *, ignore_directories: bool = False) -> Stage:
    until = time.monotonic() + _SETTLE_SECONDS
    while True:
        stage = _look(name, marks)
        busy = stage.process or stage.host_mounts or stage.namespaces
        if not (busy or (stage.folders and not ignore_directories)) or time.monotonic() > until:
            return stage
        time.sleep(0.1)


def judge(seen: Observation) -> ExperimentOutcome:
    """All of it while it ran, no mount and no namespace once stopped, nothing once removed."""
    if not seen.stages:
        words = {"exit_status": str(seen.exit_status)}
        return ExperimentOutcome(f"exit status {seen.exit_status} at once", "no-twin", words=words)
    running, stopped, removed = seen.stages
    said = "\n".join(_text(stage) for stage in seen.stages)
    if not (running.process and running.own_mounts and running.folders and running.namespaces):
        return ExperimentOutcome(said, fault="nothing-seen")
    if not running.host_mounts:
        return ExperimentOutcome(said, fault="nothing-seen")
    for stage in (stopped, removed):
        if stage.process or stage.own_mounts:
            return ExperimentOutcome(said, fault="process", words={"pid": str(seen.pid)})
        if stage.host_mounts:
            words = {"mounts": "; ".join(map(visible, stage.host_mounts))}
            return ExperimentOutcome(said, fault="mounts", words=words)
        if stage.namespaces:
            return ExperimentOutcome(
                said, "namespaces", words={"namespaces": ", ".join(stage.namespaces)}
            )
    if removed.folders:
        words = {"directories": ", ".join(map(visible, removed.folders))}
        return ExperimentOutcome(said, fault="directories", words=words)
    said = (
        f"{said}\n{running.own_mounts} mounts of its own, {len(running.host_mounts)} outside and "
        f"{len(running.namespaces)} namespaces are gone once it stopped, "
        "its directories once removed"
    )
    return ExperimentOutcome(said, today=("handle",) if removed.handle else ())


def _text(stage: Stage) -> str:
    return (
        f"{stage.name}: {_count(stage.own_mounts, 'mount', 'mounts')} in its own namespace, "
        f"{_count(len(stage.host_mounts), 'mount', 'mounts')} outside, "
        f"{_count(len(stage.folders), 'directory', 'directories')}, "
        f"{_count(len(stage.namespaces), 'namespace', 'namespaces')}"
    )


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}" if number else f"no {one}"
