"""One debug container, open: what it says of the process beside it, then that process's root."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import docker.errors
import requests

from scratchlab import idmap, mountinfo
from scratchlab.collect.facts import CANDIDATES, PER_CPU, cgroups
from scratchlab.collect.holding import running_pid, same_run
from scratchlab.collect.live.limits import KERNEL, UNREADABLE_FILES, WalkLimits
from scratchlab.collect.live.look import Look
from scratchlab.collect.remote.container import running
from scratchlab.collect.remote.reading import Connection, OwnerMap, Reading, look
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Engine, Facts, Host, Image, Json, Layers, Mount, Runtime
from scratchlab.procfs import parse_stat

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.progress import Progress


_AGAIN = "run it again"
# Runtimes whose containers have a kernel, or a process of their own, between them and the host's.
_SANDBOXES = ("runsc", "kata")


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """What the agent says of the process, at one moment. Like
    :class:`scratchlab.collect.process.Process`, but ``pid`` is that in its own PID namespace.
    """

    pid: int
    start_time: int
    namespaces: Mapping[str, str]
    uid_map: idmap.IdRanges
    gid_map: idmap.IdRanges
    root: Look
    mounts: tuple[Mount, ...]
    cgroup: bytes
    exe: str  # the program it runs, as it sees it


class Window:
    """A view through a debug container; it ends with the block that :func:`opened` opens."""

    def __init__(
        self, client: EngineClient, inspect: Json, connection: Connection, limits: WalkLimits
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
        if self._shared and self.seen.uid_map != idmap.INITIAL:
            return (
                "the debug container shares the container's user namespace: owners that have no"
                " number in it show as 65534, and attributes trusted.* do not show",
            )
        return ()

    def read(self, progress: Callable[[int], None] | None = None) -> Ledger:
        """The live ledger. Raises LabError when it cannot be read, or if the process, its root
        or its mounts were replaced meanwhile.
        """
        mapping = self._shared and self.seen.uid_map != idmap.INITIAL
        owned = OwnerMap(self.seen.uid_map, self.seen.gid_map) if mapping else OwnerMap()
        self._connection.go()
        ledger = Reading(owned, self._limits, progress).read(self._connection)
        try:
            self._recheck(_seen(self._listen(b"Z"), "after "))
        except BaseException:
            ledger.close()
            raise
        return ledger

    def _recheck(self, now: WindowFacts) -> None:
        before = self.seen
        if (now.pid, now.start_time) != (before.pid, before.start_time):
            _moved("was replaced while it was read")
        if now.namespaces.get("mnt") != before.namespaces.get("mnt"):
            _moved("moved to another mount namespace")
        if now.root.identity != before.root.identity:
            _moved("changed its root directory")
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
def open_window(
    client: EngineClient, inspect: Json, *, limits: WalkLimits | None = None
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
    bounds = limits or WalkLimits()
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


def _seen(told: _Told, when: str) -> WindowFacts:
    try:
        return WindowFacts(
            pid=int(told.one(f"{when}pid")),
            start_time=parse_stat(told.one(f"{when}stat")).start_time,
            namespaces=told.below(f"{when}ns/"),
            uid_map=idmap.parse(told.one(f"{when}uid_map")),
            gid_map=idmap.parse(told.one(f"{when}gid_map")),
            root=look(told.one(f"{when}root")),
            mounts=mountinfo.parse(told.one(f"{when}mountinfo")),
            cgroup=told.one(f"{when}cgroup"),
            exe=os.fsdecode(told.one(f"{when}exe")),
        )
    except (ValueError, IndexError, ArithmeticError) as error:
        raise LabError(f"the debug container sent damaged facts: {error}") from error


def _names(seen: WindowFacts, container: str) -> bool:
    return container.encode() in seen.cgroup or any(
        container in field for mount in seen.mounts for field in (mount.root, mount.source)
    )


def _moved(what: str) -> NoReturn:
    raise LabError(f"the container's process {what}", _AGAIN)


# The view through a debug container: the same ledger, and honestly less evidence.


# Docker Engine API, "get changes on a container's filesystem": Kind.
_KINDS = {0: "changed", 1: "added", 2: "deleted"}


class DebugView:
    """``/proc/1/root`` in a container beside the one that is examined."""

    def __init__(self, client: EngineClient, inspect: Json, window: Window) -> None:
        self._client = client
        self._inspect = inspect
        self._window = window

    def facts(self, engine: Engine, image: Image) -> Facts:
        """All that the engine and the kernel say, as far as they can be asked from here."""
        seen = self._window.seen
        return Facts(
            host=self._window.host(),
            engine=engine,
            runtime=self._runtime(),
            image=image,
            container=Container(
                id=self._inspect["Id"],
                name=str(self._inspect.get("Name", "")).lstrip("/"),
                pid=int(self._inspect["State"]["Pid"]),
                start_time=seen.start_time,
                vantage="debug",
                inspect=self._inspect,
                namespaces=seen.namespaces,
                uid_map=seen.uid_map,
            ),
            mounts=seen.mounts,
            layers=Layers(driver=_driver(self._inspect, engine)),
            problems=self._window.problems(),
        )

    def live(self, progress: Progress) -> Ledger:
        """The live ledger. Raises LabError if the process was replaced while it was read."""
        return self._window.read(progress.step("reading the live root", "entries"))

    def examine(self, facts: Facts, image: Ledger, progress: Progress) -> EvidenceSet:
        """Read the live root, and ask the engine what it counts as changes. Raises LabError."""
        root = self.live(progress)
        try:
            told = replace(facts, changes=self._changes())
        except BaseException:
            root.close()
            raise
        return EvidenceSet(told, image, root)

    def _runtime(self) -> Runtime:
        return self._client.runtime(self._inspect, here=False)

    def _changes(self) -> Mapping[str, str] | None:
        try:
            listed: list[Any] = self._client.client.api.diff(self._inspect["Id"]) or []
        except (docker.errors.APIError, requests.RequestException):
            return None  # a storage driver that cannot tell; then origins stay unexplained
        return {str(one["Path"]): _KINDS.get(one["Kind"], "changed") for one in listed}


@contextmanager
def open_debug_view(client: EngineClient, inspect: Json) -> Iterator[DebugView]:
    """Run a debug container beside the one that ``inspect`` describes; raises LabError."""
    with open_window(client, inspect) as window:
        yield DebugView(client, inspect, window)


def _driver(inspect: Json, engine: Engine) -> str:
    return str((inspect.get("GraphDriver") or {}).get("Name") or engine.storage_driver)
