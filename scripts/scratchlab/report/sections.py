"""The sections of report.json as types: one for each object of schema/report-2.schema.json.

Names and fields are those of the schema, where each field is described; optional there is
``NotRequired`` here. tests/unit/report/test_sections.py compares the two. Texts that come from a
container or an engine (paths, targets, options, details) are escaped by scratchlab.text.visible.
"""

# No "from __future__ import annotations": __required_keys__ would not see NotRequired.
from typing import NotRequired, TypedDict

from scratchlab.report.layer_sections import DriftSection, LayerSection, LayerStepSection
from scratchlab.report.quiz_sections import QuizSection
from scratchlab.report.user_data_sections import UserDataSection


class ToolSection(TypedDict):
    """The program that wrote the report."""

    name: str
    version: str


class HostSection(TypedDict):
    """The machine."""

    name: str
    kernel: str
    distribution: str
    cgroup_version: int  # 0: unknown


class EngineSection(TypedDict):
    """The engine."""

    name: str
    version: str
    api_version: str
    storage_driver: str
    containerd_version: str


class RuntimeSection(TypedDict):
    """The OCI runtime."""

    name: str
    version: str


class ImageSection(TypedDict):
    """The image that the container was created from."""

    id: str
    tags: list[str]
    diff_ids: list[str]
    layers: NotRequired[list[LayerSection]]
    source: NotRequired[str]  # archive, kept
    ledger_digest: str


class ContainerSection(TypedDict):
    """The container."""

    id: str
    name: str
    pid: int
    vantage: str  # host, debug
    ledger_digest: NotRequired[str]
    ledger_covers: NotRequired[str]


class SummarySection(TypedDict):
    """Counts."""

    image_entries: int
    live_entries: int
    explained: int
    unexplained: int
    missing: int
    altered: int
    ghosts: int


class EvidenceSection(TypedDict):
    """One observed fact: an item of ``evidence``."""

    kind: str
    detail: str


class EntryFields(TypedDict):
    """What an entry of either ledger has. ``mode`` is octal, ``size`` in bytes, ``mtime`` in
    nanoseconds since 1970, a value of ``xattrs`` base64.
    """

    kind: str
    mode: str
    uid: int
    gid: int
    size: NotRequired[int]
    sha256: NotRequired[str | None]
    target: NotRequired[str | None]
    device: NotRequired[list[int] | None]
    xattrs: NotRequired[dict[str, str]]
    mtime: NotRequired[int | None]
    links: NotRequired[str | None]
    note: NotRequired[str | None]


class ImageEntrySection(EntryFields):
    """An entry of the image ledger."""

    layer: NotRequired[int | None]
    history: NotRequired[list[LayerStepSection]]


class LiveEntrySection(EntryFields):
    """An entry of the live ledger."""

    mount: NotRequired[int | None]


class EntrySection(TypedDict):
    """One path of the image, of the live root, or of both: an item of ``entries``."""

    path: str
    status: str
    origin: str
    evidence: list[EvidenceSection]
    rule: str | None
    differences: list[str]
    prediction: str  # agrees, none, or a sentence
    image: ImageEntrySection | None
    live: LiveEntrySection | None
    drift: NotRequired[DriftSection]
    allowed: NotRequired[str]  # the rule of --expect that allows it


class MountSection(TypedDict):
    """One line of the container's mountinfo: an item of ``mounts``."""

    target: str
    fstype: str
    source: str
    root: str
    options: list[str]
    super_options: list[str]
    id: int
    origin: str
    evidence: list[EvidenceSection]
    rule: str | None
    prediction: str
    entry: bool
    allowed: NotRequired[str]  # the rule of --expect that allows it


class GhostSection(TypedDict):
    """Image content that the container cannot see: an item of ``ghosts``."""

    path: str
    kind: str
    origin: str
    actor: str
    evidence: list[EvidenceSection]
    image: ImageEntrySection | None
    drift: NotRequired[DriftSection]
    allowed: NotRequired[str]  # the rule of --expect that allows it


class RemedyCommandSection(TypedDict):
    """A command of a remedy."""

    place: str  # machine, lab, controller
    command: str


class RemedyStepSection(TypedDict):
    """One thing to do: an item of ``remedy``."""

    text: str
    commands: list[RemedyCommandSection]


class CheckSection(TypedDict):
    """One claim with its verdict: an item of ``checks``."""

    id: str
    title: str
    verdict: str
    claim: str
    command: str
    observed: str
    expected: str
    cause: str
    help: str
    depends_on: list[str]
    remedy: NotRequired[list[RemedyStepSection]]  # ``help`` as data
    article: NotRequired[str]
    output: NotRequired[str]  # of the command, typed on this host


class RuleSection(TypedDict):
    """One rule that entries or mounts cite: an item of ``rules``."""

    id: str
    title: str
    origin: str
    stage: str
    level: str
    clause: str
    source: str
    symbol: str
    removed_by: str


class NotComparedSection(TypedDict):
    """One thing that image and container were not compared in: an item of ``not_compared``."""

    what: str
    why: str


class StepSection(TypedDict):
    """One column of the ladder (a rung) or of the time-lapse (a stage)."""

    id: str
    title: str
    tool: str
    version: str
    command: str
    available: bool
    reason: str


class StepEntryFields(TypedDict):
    """What an entry of the ladder and of the time-lapse has."""

    path: str
    kind: str
    present: list[bool | None]  # one per step; None: could not be measured
    origin: str


class LadderEntrySection(StepEntryFields):
    """One path on every rung."""

    maker: str
    made_on: str
    agrees: bool | None


class TimelapseEntrySection(StepEntryFields):
    """One path at every stage."""

    detail: list[str]
    made_in: str


class LadderSection(TypedDict):
    """The same root filesystem started on each rung."""

    image: str
    ledger_digest: str
    engine: str
    rungs: list[StepSection]
    entries: list[LadderEntrySection]


class TimelapseSection(TypedDict):
    """The root filesystem of one container at each stage of its life."""

    image: str
    stages: list[StepSection]
    entries: list[TimelapseEntrySection]


class ExpectRuleSection(TypedDict):
    """One rule of a policy: an item of ``expect.rules``."""

    line: int
    path: list[str]
    matched: int


class ExpectSection(TypedDict):
    """The policy of ``verify --expect``, and what its rules allowed."""

    file: str
    sha256: str
    rules: list[ExpectRuleSection]


class VerdictCounts(TypedDict):
    """What the verdict stands on. The first five are faults, the next five drift; ``allowed`` is
    what a policy allowed, and is in none of the others.
    """

    unexplained: int
    missing: int
    contradictions: int
    failed_checks: int
    problems: int
    written: int
    mounted: int
    changed: int
    deleted: int
    unstable: int
    allowed: NotRequired[int]


class VerdictSection(TypedDict):
    """The verdict: see :mod:`scratchlab.report.verdict`."""

    status: int  # the exit status: 0, 1, 3
    word: str  # explained, failed, drifted
    sentence: str
    counts: VerdictCounts


class LeftOutCounts(TypedDict):
    """How many of the entries that are left out decide the verdict, as it counts them."""

    unexplained: int
    missing: int
    contradictions: int
    written: int
    mounted: int
    changed: int
    deleted: int
    unstable: int


class LeftOutSection(TypedDict):
    """What a report that was too large to be sent does not hold."""

    entries: int
    counts: LeftOutCounts


class HeadFields(TypedDict):
    """All of a report but its verdict and its entries."""

    schema: str
    tool: ToolSection
    host: HostSection
    engine: EngineSection
    runtime: RuntimeSection
    image: ImageSection
    container: ContainerSection
    summary: SummarySection
    ghosts: list[GhostSection]
    checks: list[CheckSection]
    problems: list[str]
    notes: list[str]
    not_compared: NotRequired[list[NotComparedSection]]
    user_data: NotRequired[UserDataSection]
    ladder: NotRequired[LadderSection]
    timelapse: NotRequired[TimelapseSection]
    mounts: NotRequired[list[MountSection]]
    rules: NotRequired[list[RuleSection]]
    quiz: NotRequired[QuizSection]
    expect: NotRequired[ExpectSection]
    left_out: NotRequired[LeftOutSection]


class Head(HeadFields):
    """All of a report but ``entries``, which may be too many for memory."""

    verdict: VerdictSection
