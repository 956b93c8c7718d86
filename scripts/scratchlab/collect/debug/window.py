"""One debug container, open: what it says of the process beside it, then that process's root."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from scratchlab.collect import mountinfo
from scratchlab.collect.debug import owners
from scratchlab.collect.debug.container import running
from scratchlab.collect.debug.reading import Reading, look
from scratchlab.collect.debug.stream import Connection
from scratchlab.collect.host import CANDIDATES, PER_CPU, cgroups
from scratchlab.collect.live.filesystems import KERNEL, UNREADABLE_FILES
from scratchlab.collect.live.limits import Limits
from scratchlab.collect.live.look import Look
from scratchlab.collect.state import running_pid, same_run, start_time
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Host, Json, Mount

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

_AGAIN = "run it again"
# Runtimes whose containers have a kernel, or a process of their own, between them and the host's.
_SANDBOXES = ("runsc", "kata")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the agent says of the process, at one moment. Like
    :class:`scratchlab.collect.process.Process`, but ``pid`` is that in its own PID namespace.
    """

    pid: int
    start_time: int
    namespaces: Mapping[str, str]
    uid_map: owners.Ranges
    gid_map: owners.Ranges
    root: Look
    mounts: tuple[Mount, ...]
    cgroup: bytes
    exe: str  # the program it runs, as it sees it


class Window:
    """A view through a debug container; it ends with the block that :func:`opened` opens."""

    def __init__(
        self, client: EngineClient, inspect: Json, connection: Connection, limits: Limits
    ) -> None:
        self._client = client
        self._inspect = inspect
        self._connection = connection
        self._limits = limits
        told = self._listen(b"G")
        self.seen = _seen(told, "")
        self._shared = bool(told.one("ns/user")) and told.one("ns/user") == told.one("own ns/user")
        self._machine = told
        if self.seen.pid != 1 and not _names(self.seen, inspect["Id"]):
            raise LabError(
                f"process {self.seen.pid} beside the debug container is not the container's",
                _AGAIN,
            )

    def host(self) -> Host:
        """The facts of the machine: the engine's word, and this container's /proc and /sys."""
        info = self._client.info()
        mounts = mountinfo.parse(self._machine.one("own mountinfo"))
        version, controllers = cgroups(mounts)
        if version == 2:
            controllers = tuple(self._machine.one("controllers").decode("ascii", "replace").split())
        return Host(
            name=str(info.get("Name") or ""),
            kernel=str(info.get("KernelVersion") or ""),
            distribution=str(info.get("OperatingSystem") or ""),
            cgroup_version=version,
            controllers=controllers,
            existing=frozenset(map(bytes.decode, self._machine.all("exists"))),
        )

    def problems(self) -> tuple[str, ...]:
        """What cannot be seen from here that a reader on the host would see, in words."""
        if self._shared and not owners.is_host(self.seen.uid_map):
            return (
                "the debug container shares the container's user namespace: owners that have no"
                " number in it show as 65534, and attributes trusted.* do not show",
            )
        return ()

    def read(self, progress: Callable[[int], None] | None = None) -> Ledger:
        """The live ledger. Raises LabError when it cannot be read, or if the process, its root
        or its mounts were replaced meanwhile.
        """
        mapping = self._shared and not owners.is_host(self.seen.uid_map)
        owned = owners.Owners(self.seen.uid_map, self.seen.gid_map) if mapping else owners.Owners()
        self._connection.go()
        ledger = Reading(owned, self._limits, progress).read(self._connection)
        try:
            self._recheck(_seen(self._listen(b"Z"), "after "))
        except BaseException:
            ledger.close()
            raise
        return ledger

    def _recheck(self, now: Seen) -> None:
        before = self.seen
        if (now.pid, now.start_time) != (before.pid, before.start_time):
            _moved("was replaced while it was read")
        if now.namespaces.get("mnt") != before.namespaces.get("mnt"):
            _moved("moved to another mount namespace")
        if now.root.identity != before.root.identity:
            _moved("changed its root folder")
        if changed := mountinfo.changes(before.mounts, now.mounts):
            _moved(f"had its mounts changed while it was read: {'; '.join(changed)}")
        again = self._client.inspect_container(self._inspect["Id"])
        running_pid(again, self._client.name)
        if not same_run(self._inspect, again):
            _moved("was restarted while it was read")

    def _listen(self, until: bytes) -> _Told:
        told = _Told()
        while (record := self._connection.next()).letter != until:
            if record.letter == b"F":
                name, _, value = record.body.partition(b"\0")
                told.put(name.decode("ascii", "replace"), value)
            elif record.letter != b"T":
                raise LabError("the debug container sent an entry where a fact belongs")
        return told


@contextmanager
def opened(
    client: EngineClient, inspect: Json, *, limits: Limits | None = None
) -> Iterator[Window]:
    """Open a window on the container that ``inspect`` describes.

    Raises LabError when it does not run, when its runtime keeps its root from every container,
    or when the engine cannot run the debug container.
    """
    pid = running_pid(inspect, client.name)
    settings = inspect.get("HostConfig") or {}
    runtime = str(settings.get("Runtime") or "")
    if runtime.startswith(_SANDBOXES):
        raise LabError(
            f"the runtime {runtime} keeps the container in a sandbox, and its root from every"
            " other container",
            "see it from inside: docker exec CONTAINER ls /",
        )
    bounds = limits or Limits()
    words = [
        str(_inner(str(settings.get("PidMode") or ""), pid)),
        str(inspect["Id"]),
        ",".join(sorted(KERNEL)),
        ",".join(sorted(UNREADABLE_FILES)),
        *map(str, (bounds.file_bytes, bounds.root_bytes, bounds.mount_bytes)),
        *CANDIDATES,
        PER_CPU,
    ]
    with running(client, inspect, words) as connection:
        yield Window(client, inspect, connection, bounds)


def _inner(mode: str, pid: int) -> int:
    """The number that the container's process has where the debug container looks, 0 if only
    looking can tell.
    """
    if mode == "host":
        return pid  # the engine counts in the namespace that it starts containers from
    return 0 if mode.startswith(("container:", "ns:")) else 1


class _Told:
    """The agent's facts by name; some come several times."""

    def __init__(self) -> None:
        self._facts: dict[str, list[bytes]] = {}

    def put(self, name: str, value: bytes) -> None:
        self._facts.setdefault(name, []).append(value)

    def all(self, name: str) -> list[bytes]:
        return self._facts.get(name, [])

    def one(self, name: str) -> bytes:
        return self._facts.get(name, [b""])[0]

    def below(self, prefix: str) -> dict[str, str]:
        size = len(prefix)
        return {
            name[size:]: values[0].decode("ascii", "replace")
            for name, values in sorted(self._facts.items())
            if name.startswith(prefix)
        }


def _seen(told: _Told, when: str) -> Seen:
    try:
        return Seen(
            pid=int(told.one(f"{when}pid")),
            start_time=start_time(told.one(f"{when}stat")),
            namespaces=told.below(f"{when}ns/"),
            uid_map=owners.ranges(told.one(f"{when}uid_map")),
            gid_map=owners.ranges(told.one(f"{when}gid_map")),
            root=look(told.one(f"{when}root")),
            mounts=mountinfo.parse(told.one(f"{when}mountinfo")),
            cgroup=told.one(f"{when}cgroup"),
            exe=os.fsdecode(told.one(f"{when}exe")),
        )
    except (ValueError, IndexError, ArithmeticError) as error:
        raise LabError(f"the debug container sent damaged facts: {error}") from error


def _names(seen: Seen, container: str) -> bool:
    return container.encode() in seen.cgroup or any(
        container in field for mount in seen.mounts for field in (mount.root, mount.source)
    )


def _moved(what: str) -> NoReturn:
    raise LabError(f"the container's process {what}", _AGAIN)
