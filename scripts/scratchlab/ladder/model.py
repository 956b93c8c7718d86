"""What was seen on the rungs and at the stages, and what is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scratchlab.lab.listing import ListedLine


class Maker(StrEnum):
    """Who makes an entry, by construction. Empty: no rung that could tell was measured."""

    IMAGE = "image"
    KERNEL = "kernel"
    RUNTIME = "runtime"
    CONTAINERD = "containerd"
    ENGINE = "engine"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A rung of the ladder, or a stage of a life.

    ``command`` is what a person would type. Unless it is ``available``, ``reason`` says why not
    and what mends it; else it says what was special, if anything was.
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
    """What a step showed; ``by_hand`` are entries that scratchlab itself had to put there.

    ``filesystems`` names what is mounted on a path.
    """

    step: Step
    entries: tuple[ListedLine, ...] = ()
    by_hand: tuple[str, ...] = ()
    filesystems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """The origin of a path by evidence, as a verification found it."""

    path: str
    origin: str


@dataclass(frozen=True, slots=True)
class RungRun:
    """The ladder as it was seen, barest rung first.

    ``engine`` is the id of the rung that the ``claims`` are about, ``runtime`` that of the bare
    runtime which this engine uses.
    """

    image: str = ""
    ledger_digest: str = ""
    rungs: tuple[RootView, ...] = ()
    engine: str = ""
    runtime: str = ""
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """One container's life as it was seen; the ``claims`` are about the running container."""

    image: str = ""
    stages: tuple[RootView, ...] = ()
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class LadderRow:
    """One path over all steps: ``present`` is None where that step was not measured.

    ``first`` is the id of the step that made it, ``details`` holds a text for each step.
    ``agrees``: whether maker and origin agree, None where there is nothing to compare.
    """

    path: str
    kind: str
    present: tuple[bool | None, ...]
    first: str
    origin: str = ""
    maker: Maker = Maker.UNKNOWN
    agrees: bool | None = None
    details: tuple[str, ...] = ()
