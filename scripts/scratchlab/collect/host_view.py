"""The host vantage: the container's process in this machine's /proc, and the engine's directories.

Linux only: ``collect.vantage`` imports this module late.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from scratchlab import idmap
from scratchlab.accounts import Accounts
from scratchlab.collect import (
    container_facts,
    layer_ledgers,
    runtime_config,
    second_look,
    storage,
)
from scratchlab.collect.accounts import host_accounts
from scratchlab.collect.cdi import cdi_edits
from scratchlab.collect.freezing import filesystem_server
from scratchlab.collect.holding import hold_container, number_inside, parent_pid
from scratchlab.collect.host_facts import read_host
from scratchlab.collect.host_files import HostRootFiles
from scratchlab.collect.live import chosen
from scratchlab.collect.live.closed import closed_ways
from scratchlab.collect.live.file_status import FileStatus
from scratchlab.collect.live.reader import RootReader
from scratchlab.collect.live.user_data import UserDataPlan, come_and_go
from scratchlab.collect.podman_devices import podman_devices
from scratchlab.collect.process import Process
from scratchlab.devices import HostDevice
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Engine, Facts, Image, Json, Kind
from scratchlab.moments import started_at
from scratchlab.reading import SecondLook, UserDataRead

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.collect.live.reader_process import ReaderProcess
    from scratchlab.progress import Progress


class HostView:
    """A view of one container from the host; see ``collect.vantage.ContainerView``."""

    def __init__(
        self,
        client: EngineClient,
        inspect: Json,
        process: Process,
        stack: ExitStack,
        reader: ReaderProcess | None,
    ) -> None:
        """``stack`` ends with the block in which the process is held."""
        self._client = client
        self._inspect = inspect
        self._process = process
        self._stack = stack
        self._reader_process = reader
        self._reader: RootReader | None = None

    @classmethod
    @contextmanager
    def open(
        cls,
        client: EngineClient,
        inspect: Json,
        *,
        strict: bool,
        reader: ReaderProcess | None = None,
    ) -> Iterator[Self]:
        """Hold the process of the container that ``inspect`` describes during the block.

        ``reader``: see :func:`scratchlab.collect.vantage.open_container`.
        Raises LabError; see :func:`scratchlab.collect.holding.hold_container`.
        """
        with hold_container(client, inspect, strict=strict) as process, ExitStack() as stack:
            yield cls(client, inspect, process, stack, reader)

    @property
    def root_mount(self) -> int:
        """The mountinfo id of the mount that the root lies on."""
        return self._process.root_mount

    def filesystem_server(self) -> str:
        """See ``ContainerView``."""
        namespace = self._process.namespaces.get("pid", "")
        own = namespace != os.readlink("/proc/self/ns/pid")  # else it is the host's: --pid host
        return filesystem_server(self._inspect["Id"], namespace if own else "")

    def start_reading(self) -> None:
        """Let a process read the live root, if none does yet."""
        if self._reader is None:
            process = self._process
            started, self._reader_process = self._reader_process, None
            reader = RootReader(
                process.root_fd, process.mounts, self._engine_devices(), process=started
            )
            self._reader = self._stack.enter_context(reader)

    def _engine_devices(self) -> frozenset[tuple[int, int]] | None:
        mounts = storage.read_engine_mounts(parent_pid(self._process))
        return storage.engine_devices(mounts, self._client.facts().root_dir)

    def facts(self, engine: Engine, image: Image) -> Facts:
        """What the engine, its runtime, the kernel and the host report about the container.

        What cannot be read is left empty, and ``problems`` says why.
        """
        inspect, process = self._inspect, self._process
        parent = parent_pid(process)
        engine_mounts = storage.read_engine_mounts(parent) or ()
        config = runtime_config.find_config(inspect, engine, self._client.info(), parent)
        layers, layers_problem = storage.find_layers(
            inspect,
            engine,
            image.diff_ids,
            process.mounts,
            process.root_mount,
            engine_mounts=engine_mounts,
        )
        candidates = [
            *runtime_config.source_candidates(inspect, config.data, engine),
            *runtime_config.empty_directories(process.mounts, engine_mounts),
        ]
        destinations = container_facts.destinations(inspect, config.data)
        devices = self._engine_devices()
        accounts = host_accounts(inspect, parent) if engine.name == "podman" else Accounts()
        return Facts(
            host=read_host(),
            engine=engine,
            runtime=self._client.runtime(inspect),
            image=image,
            container=Container(
                id=inspect["Id"],
                name=str(inspect.get("Name", "")).lstrip("/"),
                pid=process.pid,
                start_time=process.start_time,
                vantage="host",
                inspect=inspect,
                oci_config=config.data,
                oci_config_path=config.path,
                made=runtime_config.made_at(config.path),
                namespaces=process.namespaces,
                uid_map=process.uid_map,
            ),
            mounts=process.mounts,
            layers=layers,
            sources=runtime_config.find_sources(
                process.root_fd,
                process.mounts,
                process.root_mount,
                candidates,
                parent,
                engine_devices=devices,
            ),
            host_mounts=container_facts.engine_mounts(parent, process.mounts),
            links=container_facts.links_on_mounts(
                process.root_fd,
                process.root_mount,
                destinations,
                process.mounts,
                devices,
                number=number_inside(process),
            ),
            engine_files=container_facts.engine_files(inspect, config.data),
            mask_roots=container_facts.mask_roots(
                process.root_fd, process.mounts, process.root_mount, devices
            ),
            devices=_devices(inspect, engine, accounts),
            cdi=cdi_edits(inspect, config.data, self._client.info(), parent),
            accounts=accounts,
            reader_ids=_own_ids(),
            host_namespaces=_host_namespaces(),
            problems=tuple(filter(None, (config.problem, layers_problem, _chrooted(process)))),
        )

    def live(self, progress: Progress) -> Ledger:
        """Read the live ledger. Raises LabError if the process was replaced meanwhile."""
        ledger, _ = self._read_root(UserDataPlan(), None, progress)
        try:
            self._process.recheck()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def examine(
        self, facts: Facts, image: Ledger, plan: UserDataPlan, progress: Progress
    ) -> EvidenceSet:
        """Read the live root and the engine's layers, and prove that nothing changed meanwhile.

        Raises LabError if the process ended or was replaced.
        """
        with ExitStack() as undo:
            root, user_data = self._read_root(plan, image, progress)
            undo.callback(root.close)
            facts = replace(facts, user_data=user_data)
            return self._with_layers(EvidenceSet(facts, image, root), None, plan, undo)

    def _with_layers(
        self,
        evidence: EvidenceSet,
        paths: Collection[str] | None,
        plan: UserDataPlan,
        undo: ExitStack,
    ) -> EvidenceSet:
        """``evidence`` with the engine's layers, once it is proved that nothing changed meanwhile;
        ``undo`` closes the ledgers otherwise.
        """
        facts, process = evidence.facts, self._process
        init, writable = layer_ledgers.read_layer_ledgers(facts.layers, paths)
        for ledger in (init, writable):
            if ledger is not None:
                undo.callback(ledger.close)
        if facts.layers.upper is None:  # then only the engine can tell what was changed
            facts = replace(facts, changes=self._client.changes(facts.container.id))
        facts = replace(facts, made_again=self._made_again(evidence))
        process.recheck(come_and_go(plan, process.mounts, process.root_mount))
        undo.pop_all()
        return replace(evidence, facts=facts, init=init, writable=writable)

    def _made_again(self, evidence: EvidenceSet) -> Mapping[str, int]:
        process = self._process
        root = next((m for m in process.mounts if m.id == process.root_mount), None)
        if root is None or "overlay" in root.fstype:
            return {}
        ways = closed_ways(process.mounts, process.root_mount, self._engine_devices())
        start = started_at(self._inspect)
        return layer_ledgers.made_again(process.root_fd, evidence.image, evidence.live, ways, start)

    def look_at(
        self,
        facts: Facts,
        image: Ledger,
        paths: Collection[str],
        plan: UserDataPlan,
        progress: Progress,
    ) -> EvidenceSet:
        """Read ``paths`` only; see ``ContainerView``."""
        process = self._process

        users = {member for user in plan.mounts for member in user.members}

        def hashed(path: str, status: FileStatus) -> bool:
            entry = image.get(path)
            same = entry is not None and entry.kind is Kind.FILE and entry.size == status.size
            return same or (status.mount not in users and status.size <= chosen.SMALL)

        with ExitStack() as undo:
            read = chosen.read_chosen(
                process.root_fd,
                process.mounts,
                paths,
                engine_devices=self._engine_devices(),
                hashed=hashed,
            )
            undo.callback(read.ledger.close)
            if read.all_names:
                evidence = EvidenceSet(facts, image, read.ledger)
                return self._with_layers(evidence, paths, plan, undo)
        return self.examine(facts, image, plan, progress)  # only that finds the other names

    def look_again(self, live: Ledger, paths: Iterable[str]) -> tuple[SecondLook, ...]:
        """What is at ``paths`` now; see ``ContainerView``."""
        process = self._process
        closed = closed_ways(process.mounts, process.root_mount, self._engine_devices())
        return second_look.look_again(process.root_fd, live, paths, closed)

    def files(self) -> HostRootFiles:
        """See ``ContainerView``."""
        process = self._process
        closed = closed_ways(process.mounts, process.root_mount, self._engine_devices())
        return HostRootFiles(process.root_fd, closed)

    def _read_root(
        self, plan: UserDataPlan, image: Ledger | None, progress: Progress
    ) -> tuple[Ledger, UserDataRead]:
        self.start_reading()
        reader, self._reader = self._reader, None
        if reader is None:
            raise ValueError("the reading was not started")
        return reader.read(plan, image, progress.step("reading the live root", "entries"))


def _devices(inspect: Json, engine: Engine, accounts: Accounts) -> tuple[HostDevice, ...]:
    if engine.name != "podman":
        return container_facts.host_devices(inspect)
    caller = accounts.caller
    return podman_devices(inspect, caller.home if caller is not None else "")


def _chrooted(process: Process) -> str:
    if not process.chroot:
        return ""
    return (
        f"the container's process lives in {process.chroot} (chroot): the root of its mount "
        "namespace was read, which docker exec enters"
    )


def _own_ids() -> idmap.IdRanges:
    with open("/proc/self/uid_map", "rb") as file:
        return idmap.parse(file.read())


def _host_namespaces() -> Mapping[str, str]:
    """Those of the machine's first process, or (without permission) those of this process."""
    for directory in ("/proc/1/ns", "/proc/self/ns"):
        try:
            return {
                name: os.readlink(f"{directory}/{name}") for name in sorted(os.listdir(directory))
            }
        except OSError:
            continue
    return {}
