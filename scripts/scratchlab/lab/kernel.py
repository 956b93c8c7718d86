"""The kernel of the engine's machine: read here, or by a debug container where it is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scratchlab import mountinfo
from scratchlab.collect import host_facts
from scratchlab.collect.kernel_files import KernelFiles, LocalKernelFiles, content
from scratchlab.collect.remote.kernel_files import open_kernel_files
from scratchlab.errors import LabError
from scratchlab.lab.session import Laboratory
from scratchlab.model import Json, Mount


@dataclass(frozen=True, slots=True)
class Beside:
    """A container's first process from beside it.

    ``files`` show it as ``/proc/PID``. ``root`` is put before the paths of ``mounts``, which show
    its control groups.
    """

    files: KernelFiles
    pid: int
    root: str
    mounts: tuple[Mount, ...]


@contextmanager
def open_machine(lab: Laboratory) -> Iterator[KernelFiles]:
    """The kernel's files of the engine's machine, without the processes where that is another one.

    Raises LabError.
    """
    if lab.engine_is_local:
        yield LocalKernelFiles()
        return
    with open_kernel_files(lab.engine) as files:
        yield files


@contextmanager
def open_beside(lab: Laboratory, inspect: Json) -> Iterator[Beside]:
    """The first process of the running container that ``inspect`` describes. Raises LabError.

    On another machine a debug container sees that container's processes alone, and its control
    groups where the engine mounts them in it.
    """
    if lab.engine_is_local:
        local = LocalKernelFiles()
        mounts = mountinfo.parse(content(local, "/proc/self/mountinfo"))
        yield Beside(local, int(inspect["State"]["Pid"]), "", mounts)
        return
    mode = f"container:{inspect['Id']}"
    with open_kernel_files(lab.engine, pid_mode=mode, inspect=inspect) as files:
        mounts = mountinfo.parse(content(files, "/proc/1/mountinfo"))
        yield Beside(files, 1, "/proc/1/root", mounts)


@contextmanager
def open_processes(lab: Laboratory) -> Iterator[KernelFiles]:
    """The kernel's files of the engine's machine with all its processes.

    On another machine a debug container in that machine's PID namespace reads them: only where
    ``lab.host_view`` allows it. Raises LabError.
    """
    if lab.engine_is_local:
        yield LocalKernelFiles()
        return
    if not lab.host_view:
        what = f"the engine at {lab.engine.url} runs its containers on another machine"
        raise LabError(what, "allow a container in that machine's PID namespace: --host-view")
    with open_kernel_files(lab.engine, pid_mode="host") as files:
        yield files


def cgroups(files: KernelFiles) -> tuple[int, tuple[str, ...]]:
    """The cgroup version of the engine's machine and the controllers; see ``host_facts.cgroups``.

    Raises LabError.
    """
    mounts = mountinfo.parse(content(files, "/proc/self/mountinfo"))
    return host_facts.cgroups(mounts, files.read(host_facts.CONTROLLERS) or b"")
