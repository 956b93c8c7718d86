"""The words of a room as frozen data. Text in them is safe to print: reading escaped it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from scratchlab.classroom.grading import Regrade


class MachineState(StrEnum):
    """Where a machine of the room stands. Only PASSED is good."""

    PASSED = "passed"
    FAILED = "failed"  # its report came, and says that something is not as it should be
    DISPUTED = "disputed"  # its report may be another machine's
    DAMAGED = "damaged"  # its report came and cannot be read
    NO_REPORT = "no-report"
    BROKEN = "broken"  # the run failed there
    INTERRUPTED = "interrupted"  # the run was killed
    UNREACHABLE = "unreachable"
    WAITING = "waiting"  # never run, or reset


@dataclass(frozen=True, slots=True)
class MachineVerdict:
    """One check as a report tells it."""

    id: str
    title: str
    verdict: str
    cause: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What the room needs of one report; the entries are read again where two hosts differ.

    ``ledger`` is the digest of the image's content, ``live`` that of what the container sees
    (path, type, mode, owner, link, device, origin: nothing of the host's own).
    """

    hostname: str
    kernel: str
    distribution: str
    cgroup: str
    engine: str
    runtime: str
    storage: str
    container: str
    ledger: str
    live: str
    image_entries: int
    live_entries: int
    unexplained: int
    calm: bool  # scratchlab.report.verdict says that all is explained and as predicted
    problems: tuple[str, ...]
    checks: tuple[MachineVerdict, ...]
    grade: Regrade | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the controller wrote down of a machine's last run (``status.json``)."""

    state: str  # running, done, left, failed, unreachable
    started: str = ""
    ended: str = ""
    stage: str = ""
    task: str = ""
    reason: str = ""
    seconds: float = 0.0
    hostname: str = ""
    address: str = ""
    user: str = ""
    port: str = ""
    report: str = ""  # SHA-1 of the report that this run brought back


@dataclass(frozen=True, slots=True)
class CollectedMachine:
    """All that lies in the directory of one machine. ``directory`` is its name as it is on disk."""

    name: str
    directory: str
    record: RunRecord | None = None
    summary: ReportSummary | None = None
    sha1: str = ""  # of report.json as it lies there
    fault: str = ""  # why report.json or status.json cannot be read
    history: tuple[PastRun, ...] = ()
    page: bool = False  # the page of a report, of this run or an earlier one, lies beside


@dataclass(frozen=True, slots=True)
class PastRun:
    """One earlier run of one machine, as the trend shows it."""

    at: str
    state: str
    passed: int
    total: int


@dataclass(frozen=True, slots=True)
class ReportsDirectory:
    """What a reports directory holds."""

    found: tuple[CollectedMachine, ...]
    known: bool  # the controller wrote down which machines the room has
    again: str = "./lab"  # the command of the last run, without -l
    started: str = ""
    ended: str = ""
    chosen: tuple[str, ...] = ()  # machines of the last run
    others: tuple[str, ...] = ()  # directories of machines that are not in the room
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MachineResult:
    """One machine of the room, judged."""

    found: CollectedMachine
    state: MachineState
    reason: str = ""
    help: str = ""
    notes: tuple[str, ...] = ()  # worth knowing, no fault of the container
    slow: bool = False

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        return self.found.name

    @property
    def summary(self) -> ReportSummary | None:
        """Its report where that counts: it is there, whole, its own and of the last run."""
        counts = self.state in (MachineState.PASSED, MachineState.FAILED)
        return self.found.summary if counts else None

    @property
    def passed(self) -> int:
        """How many checks passed."""
        checks = self.summary.checks if self.summary else ()
        return sum(check.verdict == "pass" for check in checks)


@dataclass(frozen=True, slots=True)
class SameGroup:
    """Machines that share one value."""

    value: str
    hosts: tuple[str, ...]
    paths: tuple[str, ...] = ()  # where they differ from the largest group


@dataclass(frozen=True, slots=True)
class ComparedFacet:
    """One thing in which machines can differ, the largest group first."""

    title: str
    groups: tuple[SameGroup, ...]

    @property
    def same(self) -> bool:
        """Whether all machines share one value."""
        return len(self.groups) < 2


@dataclass(frozen=True, slots=True)
class Classroom:
    """The room, judged."""

    seats: tuple[MachineResult, ...]
    checks: tuple[str, ...]  # ids of all checks, in order
    facets: tuple[ComparedFacet, ...]
    started: str = ""
    ended: str = ""
    chosen: tuple[str, ...] = ()  # machines of the last run
    others: tuple[str, ...] = ()  # directories that belong to no machine of this room
    faults: tuple[str, ...] = field(default=())  # of the directory as a whole

    @property
    def passed(self) -> int:
        """How many machines passed."""
        return sum(seat.state is MachineState.PASSED for seat in self.machines)

    @property
    def needing_help(self) -> tuple[MachineResult, ...]:
        """Every machine that did not pass, in the order of the room."""
        return tuple(seat for seat in self.machines if seat.state is not MachineState.PASSED)
