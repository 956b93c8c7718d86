"""The facts that the agent sends: values by name, and what they say of the container's process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from scratchlab import idmap, mountinfo
from scratchlab.collect.live.file_status import FileStatus
from scratchlab.collect.live.user_data import UserDataPlan, read_so_far
from scratchlab.collect.remote.protocol import unpack_status
from scratchlab.errors import LabError
from scratchlab.model import Mount
from scratchlab.procfs import parse_stat
from scratchlab.reading import UserDataRead


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """The container's process at one moment, as the agent reports it.

    Like :class:`scratchlab.collect.process.Process`, but ``pid`` is the number in the debug
    container's PID namespace.
    """

    pid: int
    start_time: int
    namespaces: Mapping[str, str]
    uid_map: idmap.IdRanges
    gid_map: idmap.IdRanges
    root: FileStatus
    mounts: tuple[Mount, ...]
    cgroup: bytes
    exe: str  # its program, as a path in its own root


class AgentFacts:
    """Values by name; some names have several."""

    def __init__(self) -> None:
        self._facts: dict[str, list[bytes]] = {}

    def add(self, name: str, value: bytes) -> None:
        """Add one more value of ``name``."""
        self._facts.setdefault(name, []).append(value)

    def all(self, name: str) -> list[bytes]:
        """Every value of ``name``."""
        return self._facts.get(name, [])

    def first(self, name: str) -> bytes:
        """The first value of ``name``; empty where there is none."""
        return self._facts.get(name, [b""])[0]

    def below(self, prefix: str) -> dict[str, str]:
        """The first values of the names that begin with ``prefix``, by the rest of the name."""
        size = len(prefix)
        return {
            name[size:]: values[0].decode("ascii", "replace")
            for name, values in sorted(self._facts.items())
            if name.startswith(prefix)
        }


def process_facts(facts: AgentFacts, prefix: str) -> ProcessFacts:
    """The process as the facts whose names begin with ``prefix`` show it. Raises LabError."""
    try:
        return ProcessFacts(
            pid=int(facts.first(f"{prefix}pid")),
            start_time=parse_stat(facts.first(f"{prefix}stat")).start_time,
            namespaces=facts.below(f"{prefix}ns/"),
            uid_map=idmap.parse(facts.first(f"{prefix}uid_map")),
            gid_map=idmap.parse(facts.first(f"{prefix}gid_map")),
            root=unpack_status(facts.first(f"{prefix}root")),
            mounts=mountinfo.parse(facts.first(f"{prefix}mountinfo")),
            cgroup=facts.first(f"{prefix}cgroup"),
            exe=os.fsdecode(facts.first(f"{prefix}exe")),
        )
    except (ValueError, IndexError, ArithmeticError) as error:
        raise LabError(f"the debug container sent damaged facts: {error}") from error


def user_data_read(plan: UserDataPlan, facts: AgentFacts) -> UserDataRead:
    """What the agent read of the user's data, as it reports it."""
    listed: dict[int, int] = {}
    cut: set[int] = set()
    try:
        for value in facts.all("user data"):
            mount, count, complete = map(int, value.split())
            listed[mount] = count
            if not complete:
                cut.add(mount)
    except ValueError as error:
        raise LabError(f"the debug container sent damaged facts: {error}") from error
    return read_so_far(plan, listed, cut)
