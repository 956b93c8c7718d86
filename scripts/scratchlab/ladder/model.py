"""What the rungs and the stages showed, and what is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scratchlab.lab.listing import ListedEntry


class Maker(StrEnum):
    """Who makes an entry, by construction. Empty if no rung that could show it was measured."""

    IMAGE = "image"
    KERNEL = "kernel"
    RUNTIME = "runtime"
    CONTAINERD = "containerd"
    ENGINE = "engine"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A rung of the ladder, or a stage of a lifecycle.

    ``command`` is what a person would type. ``reason`` explains why the step is not ``available``
    (and names the remedy); for an available step it is a note on what was unusual.
    """

    id: str
    title: str
    tool: str
    version: str = ""
    command: str = ""
    available: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RootView:
    """The root filesystem that a step showed. ``by_hand`` are paths that scratchlab itself made.

    ``filesystems`` holds the type of what is mounted on a path.
    """

    step: Step
    entries: tuple[ListedEntry, ...] = ()
    by_hand: tuple[str, ...] = ()
    filesystems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """The origin of a path by evidence, from a verification."""

    path: str
    origin: str


@dataclass(frozen=True, slots=True)
class LadderRun:
    """The views of one image on every rung, barest rung first.

    ``claims`` are about the rung with the id ``engine``; ``runtime`` is the id of the bare runtime
    that this engine uses.
    """

    image: str = ""
    ledger_digest: str = ""
    rungs: tuple[RootView, ...] = ()
    engine: str = ""
    runtime: str = ""
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The views of one container in every stage; ``claims`` are about the running container."""

    image: str = ""
    stages: tuple[RootView, ...] = ()
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One path over all steps of a ladder or a lifecycle.

    ``present`` and ``details`` have an item for each step: whether it shows the path (None if the
    step was not measured), and a text of mode, owner and size. ``first`` is the id of the step that
    made the entry. ``agrees``: whether construction and evidence agree, None if they cannot be
    compared.
    """

    path: str
    kind: str
    present: tuple[bool | None, ...]
    first: str
    origin: str = ""
    maker: Maker = Maker.UNKNOWN
    agrees: bool | None = None
    details: tuple[str, ...] = ()
