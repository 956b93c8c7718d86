"""The view from a debug container: the same ledger as from the host, with less evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from scratchlab import idmap, mountinfo
from scratchlab.collect.holding import running_pid, same_run
from scratchlab.collect.host_facts import (
    ENGINE_FILES,
    MASK_CANDIDATES,
    PER_CPU_MASKS,
    cgroups,
)
from scratchlab.collect.live.limits import (
    KERNEL_FILESYSTEMS,
    NETWORK_FILESYSTEMS,
    STACKED_FILESYSTEMS,
    UNHASHED_FILESYSTEMS,
    WalkLimits,
)
from scratchlab.collect.live.user_data import UserDataPlan, come_and_go
from scratchlab.collect.remote.agent_facts import (
    AgentFacts,
    ProcessFacts,
    process_facts,
    user_data_read,
)
from scratchlab.collect.remote.container import run_agent
from scratchlab.collect.remote.files import AgentRootFiles
from scratchlab.collect.remote.protocol import (
    Connection,
    LedgerReader,
    OwnerMap,
    pack_plan,
)
from scratchlab.collect.remote.sources import bind_sources, source_paths
from scratchlab.collect.second_look import mount_sight
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import (
    BindSource,
    Container,
    Engine,
    EngineFile,
    Facts,
    Host,
    Image,
    Json,
    Layers,
    Mount,
    Runtime,
)
from scratchlab.reading import SecondLook, Sight, UserDataRead

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.progress import Progress

_AGAIN = "run it again"
NOT_PROVED = (
    "the root was not proved from outside: a debug container does not see whether it is the one"
    " that the engine mounted (--vantage host does)"
)
# Runtimes that put a kernel or process of their own between the container and the host's kernel.
_SANDBOXES = ("runsc", "kata")


class DebugContainer:
    """A running debug container: the facts that its agent reports, and the live root.

    It ends with the block of :func:`open_debug_container`.
    """

    def __init__(
        self, client: EngineClient, inspect: Json, connection: Connection, limits: WalkLimits
    ) -> None:
        self._client = client
        self._inspect = inspect
        self._connection = connection
        self._limits = limits
        self._facts = self._receive_facts(b"G")
        self.process = process_facts(self._facts, "")
        namespace = self._facts.first("ns/user")
        self._several_links: frozenset[str] = frozenset()
        self._mounts_after: tuple[Mount, ...] = self.process.mounts
        self._shares_userns = bool(namespace) and namespace == self._facts.first("own ns/user")
        if self.process.pid != 1 and not _shows_id(self.process, inspect["Id"]):
            raise LabError(
                f"process {self.process.pid} in the debug container's PID namespace is not the"
                " container's",
                _AGAIN,
            )

    def host(self) -> Host:
        """The facts of the machine, from the engine and the debug container's /proc and /sys."""
        info = self._client.info()
        mounts = mountinfo.parse(self._facts.first("own mountinfo"))
        version, controllers = cgroups(mounts, self._facts.first("controllers"))
        return Host(
            name=str(info.get("Name") or ""),
            kernel=str(info.get("KernelVersion") or ""),
            distribution=str(info.get("OperatingSystem") or ""),
            cgroup_version=version,
            controllers=controllers,
            existing=frozenset(map(bytes.decode, self._facts.all("exists"))),
        )

    def sources(self) -> tuple[BindSource, ...]:
        """The sources of binds and volumes that the engine mounted in the debug container, too."""
        own = mountinfo.parse(self._facts.first("own mountinfo"))
        return bind_sources(source_paths(self._inspect), own, self.process.mounts)

    def file(self, path: str) -> str | None:
        """The content of one of the engine's files as the agent sent it."""
        contents = self._facts.all(f"file{path}")
        return contents[0].decode("utf-8", "surrogateescape") if contents else None

    def changed(self, path: str) -> int | None:
        """When that file was last changed, in nanoseconds since 1970."""
        text = self._facts.first(f"changed{path}")
        return int(text) if text.isdigit() else None

    def problems(self) -> tuple[str, ...]:
        """What a reader on the host would see and this one cannot, as sentences."""
        if self._sees_mapped_ids():
            return (
                NOT_PROVED,
                "the debug container shares the container's user namespace: owners without a number"
                " in it show as 65534, and attributes trusted.* do not show",
            )
        return (NOT_PROVED,)

    def read(
        self,
        progress: Callable[[int], None] | None = None,
        plan: UserDataPlan | None = None,
        image: Ledger | None = None,
    ) -> tuple[Ledger, UserDataRead]:
        """The live ledger, and how much of the user's data it has.

        ``plan`` says how much to read of that (None: all), ``image`` is what files on volumes are
        compared with; ``progress`` is called with the number of entries so far. Raises LabError
        when the root cannot be read, or if the process, its root or its mounts were replaced
        meanwhile.
        """
        owners = OwnerMap()
        if self._sees_mapped_ids():
            owners = OwnerMap(self.process.uid_map, self.process.gid_map)
        plan = plan or UserDataPlan()
        visible = mountinfo.visible_mounts(self.process.mounts, self.process.root.mount)
        self._connection.start_walk(pack_plan(plan, visible, image))
        reader = LedgerReader(owners, self._limits, progress)
        ledger = reader.read(self._connection)
        try:
            facts = self._receive_facts(b"Z")
            self._recheck(process_facts(facts, "after "), plan)
            user_data = user_data_read(plan, facts)
        except BaseException:
            ledger.close()
            raise
        self._several_links = frozenset(reader.several_links)
        return ledger, user_data

    def files(self) -> AgentRootFiles:
        """Reads files by their paths, after :meth:`read`."""
        return AgentRootFiles(self._connection)

    def unmerged(self, changes: Iterable[str]) -> frozenset[str]:
        """Those of ``changes`` that were read as directories of an overlay root, and that one of
        its layers alone makes (Linux fs/overlayfs/inode.c ovl_getattr(): others have one link).
        """
        root = mountinfo.visible_mounts(self.process.mounts, self.process.root.mount).get("/")
        if root is None or root.fstype != "overlay":
            return frozenset()
        return self._several_links.intersection(changes)

    def _sees_mapped_ids(self) -> bool:
        return self._shares_userns and self.process.uid_map != idmap.INITIAL

    def mount_again(self, mount: int | None) -> Sight:
        """What became of the mount with this id while the root was read."""
        return mount_sight(mount, self.process.mounts, self._mounts_after)

    def _recheck(self, now: ProcessFacts, plan: UserDataPlan) -> None:
        before = self.process
        self._mounts_after = now.mounts
        may_change = come_and_go(plan, before.mounts, before.root.mount)
        if (now.pid, now.start_time) != (before.pid, before.start_time):
            _raise_changed("was replaced while it was read")
        if now.namespaces.get("mnt") != before.namespaces.get("mnt"):
            _raise_changed("moved to another mount namespace")
        if now.root.identity != before.root.identity:
            _raise_changed("changed its root directory")
        if changed := mountinfo.changes(before.mounts, now.mounts, may_change):
            _raise_changed(f"had its mounts changed while it was read: {'; '.join(changed)}")
        again = self._client.inspect_container(self._inspect["Id"])
        running_pid(again, self._client.name)
        if not same_run(self._inspect, again):
            _raise_changed("was restarted while it was read")

    def _receive_facts(self, until: bytes) -> AgentFacts:
        facts = AgentFacts()
        while (record := self._connection.next()).letter != until:
            if record.letter == b"F":
                name, _, value = record.body.partition(b"\0")
                facts.add(name.decode("ascii", "replace"), value)
            elif record.letter != b"T":
                raise LabError("the debug container sent an entry in place of a fact")
        return facts


@contextmanager
def open_debug_container(
    client: EngineClient, inspect: Json, *, limits: WalkLimits | None = None
) -> Iterator[DebugContainer]:
    """Run a debug container beside the one that ``inspect`` describes, during the block.

    Raises LabError when that container does not run, when its runtime hides its root from every
    other container, or when the engine cannot run the debug container.
    """
    pid = running_pid(inspect, client.name)
    settings = inspect.get("HostConfig") or {}
    runtime = str(settings.get("Runtime") or "")
    if runtime.startswith(_SANDBOXES):
        raise LabError(
            f"the runtime {runtime} runs the container in a sandbox, which hides its root from all"
            " other containers",
            "list it from inside: docker exec CONTAINER ls /",
        )
    bounds = limits or WalkLimits()
    arguments = [
        str(_pid_in_debug_container(str(settings.get("PidMode") or ""), pid)),
        str(inspect["Id"]),
        ",".join(sorted(KERNEL_FILESYSTEMS)),
        ",".join(sorted(UNHASHED_FILESYSTEMS)),
        ",".join(sorted(NETWORK_FILESYSTEMS)),
        ",".join(sorted(STACKED_FILESYSTEMS)),
        *map(str, (bounds.file_bytes, bounds.root_bytes, bounds.mount_bytes)),
        *MASK_CANDIDATES,
        PER_CPU_MASKS,
    ]
    with run_agent(client, inspect, arguments, f"container:{inspect['Id']}") as connection:
        yield DebugContainer(client, inspect, connection, bounds)


def _pid_in_debug_container(mode: str, pid: int) -> int:
    """The number of the container's process in the debug container's PID namespace.

    0 when the agent must search for it.
    """
    if mode == "host":
        return pid  # the engine's number is that of its own PID namespace
    return 0 if mode.startswith(("container:", "ns:")) else 1


def _shows_id(process: ProcessFacts, container: str) -> bool:
    """Whether the process's control group or one of its mounts has the id ``container``."""
    return container.encode() in process.cgroup or any(
        container in field for mount in process.mounts for field in (mount.root, mount.source)
    )


def _raise_changed(what: str) -> NoReturn:
    raise LabError(f"the container's process {what}", _AGAIN)


class DebugView:
    """A container's root as a debug container sees it, ``/proc/PID/root`` there."""

    def __init__(self, client: EngineClient, inspect: Json, debug: DebugContainer) -> None:
        self._client = client
        self._inspect = inspect
        self._debug = debug

    def facts(self, engine: Engine, image: Image) -> Facts:
        """The facts from the engine and the kernel, as far as this vantage shows them."""
        process = self._debug.process
        return Facts(
            host=self._debug.host(),
            engine=engine,
            runtime=self._runtime(),
            image=image,
            container=Container(
                id=self._inspect["Id"],
                name=str(self._inspect.get("Name", "")).lstrip("/"),
                pid=int(self._inspect["State"]["Pid"]),
                start_time=process.start_time,
                vantage="debug",
                inspect=self._inspect,
                namespaces=process.namespaces,
                uid_map=process.uid_map,
            ),
            mounts=process.mounts,
            layers=Layers(driver=_driver(self._inspect, engine)),
            sources=self._debug.sources(),
            engine_files=self._engine_files(),
            problems=self._debug.problems(),
        )

    @property
    def root_mount(self) -> int:
        """The mountinfo id of the mount that the root lies on."""
        return self._debug.process.root.mount

    def filesystem_server(self) -> str:
        """Why no process may be paused: whether one serves a filesystem is not known from here,
        where it may have the device for that.
        """
        settings = self._inspect.get("HostConfig") or {}
        devices = [str(device.get("PathInContainer")) for device in settings.get("Devices") or []]
        if not settings.get("Privileged") and not any("fuse" in device for device in devices):
            return ""
        return "it may serve a filesystem (FUSE), which is not known from a debug container"

    def start_reading(self) -> None:
        """Nothing: the agent waits until it is known what to read."""

    def live(self, progress: Progress) -> Ledger:
        """Read the live ledger. Raises LabError if the process was replaced meanwhile."""
        return self._debug.read(progress.step("reading the live root", "entries"))[0]

    def examine(
        self, facts: Facts, image: Ledger, plan: UserDataPlan, progress: Progress
    ) -> EvidenceSet:
        """Read the live root, and what the engine lists as changes. Raises LabError."""
        count = progress.step("reading the live root", "entries")
        root, user_data = self._debug.read(count, plan, image)
        try:
            changes = self._client.changes(self._inspect["Id"])
            unmerged = self._debug.unmerged(changes or ())
            facts = replace(facts, changes=changes, unmerged=unmerged, user_data=user_data)
        except BaseException:
            root.close()
            raise
        return EvidenceSet(facts, image, root)

    def _engine_files(self) -> tuple[EngineFile, ...]:
        """The engine's files as the agent read them. The digest that the engine keeps of one is out
        of reach. (`docker cp` would do as well, but leaves mounts in the container: Docker 20.10.)
        """
        return tuple(
            EngineFile(target, str(self._inspect[name]), text, changed=self._debug.changed(target))
            for name, target in ENGINE_FILES.items()
            if self._inspect.get(name) and (text := self._debug.file(target)) is not None
        )

    def look_at(
        self,
        facts: Facts,
        image: Ledger,
        paths: Collection[str],  # noqa: ARG002
        plan: UserDataPlan,
        progress: Progress,
    ) -> EvidenceSet:
        """As :meth:`examine`: the agent reads the whole root."""
        return self.examine(facts, image, plan, progress)

    def look_again(self, live: Ledger, paths: Iterable[str]) -> tuple[SecondLook, ...]:
        """At mounts alone: the agent reads a root once, and mountinfo before and after it."""
        looks = []
        for path in paths:
            entry = live.get(path)
            sight = Sight.SAME if entry is None else self._debug.mount_again(entry.mount)
            if sight is not Sight.SAME:
                looks.append(SecondLook(path, sight))
        return tuple(looks)

    def files(self) -> AgentRootFiles:
        """See ``ContainerView``."""
        return self._debug.files()

    def _runtime(self) -> Runtime:
        return self._client.runtime(self._inspect, local=False)


@contextmanager
def open_debug_view(client: EngineClient, inspect: Json) -> Iterator[DebugView]:
    """Run a debug container beside the one that ``inspect`` describes; raises LabError."""
    with open_debug_container(client, inspect) as debug:
        yield DebugView(client, inspect, debug)


def _driver(inspect: Json, engine: Engine) -> str:
    return str((inspect.get("GraphDriver") or {}).get("Name") or engine.storage_driver)
