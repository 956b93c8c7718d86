"""What is known of the machines of a class, as frozen data.

Text in these classes is safe to print: reading escaped it (:mod:`scratchlab.classroom.read`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scratchlab.classroom.grading import Regrade
from scratchlab.classroom.roster import NOBODY, Student
from scratchlab.classroom.seats import Seat
from scratchlab.remedy import HERE, NOTHING, Reader, Remedy, sentence


class MachineState(StrEnum):
    """The result of one machine. Only PASSED is good."""

    PASSED = "passed"
    FAILED = "failed"  # its report came, and shows that something is not as it should be
    DISPUTED = "disputed"  # its report may be another machine's
    DAMAGED = "damaged"  # its report came and cannot be read
    NO_REPORT = "no-report"
    BROKEN = "broken"  # the run failed on it
    INTERRUPTED = "interrupted"  # the run was killed
    UNREACHABLE = "unreachable"
    WAITING = "waiting"  # never run, or reset


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """One check of a report; ``cause`` and ``remedy`` are cut to a length that a table bears."""

    id: str
    title: str
    verdict: str
    cause: str = ""
    remedy: Remedy = NOTHING


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What the comparison needs of one report. Where two machines differ, their entries are read
    again from the reports.

    ``ledger`` is the digest of the image's content, ``live`` that of what the container sees
    (path, type, mode, owner, link, device, origin: nothing that belongs to the host); ``covers``
    says how much that is.
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
    covers: str
    image_entries: int
    live_entries: int
    unexplained: int
    status: int  # of the verdict: 0 explained, 1 failed, 3 drifted
    sentence: str  # of the verdict
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    checks: tuple[CheckSummary, ...]
    grade: Regrade | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the controller recorded of a machine's last run (``status.json``)."""

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
    report: str = ""  # SHA-1 of the report that this run fetched
    checked: str = ""  # when the experiments ran on it, in this run or in an earlier one


@dataclass(frozen=True, slots=True)
class PastRun:
    """One earlier run of one machine, for the trend (``history.json``)."""

    at: str
    state: str
    passed: int
    total: int


@dataclass(frozen=True, slots=True)
class CollectedMachine:
    """All that is in the directory of one machine."""

    name: str
    directory: str  # the name on disk, not escaped; empty where a directory cannot have that name
    record: RunRecord | None = None
    summary: ReportSummary | None = None
    sha1: str = ""  # of report.json as it is now
    fault: str = ""  # why report.json or status.json cannot be read
    history: tuple[PastRun, ...] = ()
    seat: Seat | None = None  # of the roster
    has_page: bool = False  # index.html is there, of this run's report or of an earlier one


@dataclass(frozen=True, slots=True)
class ReportsDirectory:
    """What a reports directory holds."""

    machines: tuple[CollectedMachine, ...]
    inventory_known: bool  # run.json lists the machines of the class
    inventories: tuple[str, ...] = ()  # of the last run, as they were typed
    engine: str = ""  # the URL of an engine elsewhere that the last run was given
    started: str = ""
    ended: str = ""
    chosen: tuple[str, ...] = ()  # machines of the last run
    unlisted: tuple[str, ...] = ()  # directories of machines that run.json does not list
    faults: tuple[str, ...] = ()  # of the directory as a whole


@dataclass(frozen=True, slots=True)
class MachineResult:
    """One machine, judged."""

    collected: CollectedMachine
    state: MachineState
    reason: str = ""
    remedy: Remedy = NOTHING
    reader: Reader = HERE  # of the remedies of this machine: whoever reads what is made of them
    notes: tuple[str, ...] = ()  # worth knowing, no fault of the container
    slow: bool = False

    @property
    def help(self) -> str:
        """The remedy in one line, for the reader."""
        return sentence(self.remedy, self.reader)

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        return self.collected.name

    @property
    def student(self) -> Student:
        """Who sits there; a student without a name where nobody is known."""
        return self.collected.seat.student if self.collected.seat else NOBODY

    @property
    def grade(self) -> Regrade | None:
        """The student's points; None where no answer came."""
        return self.summary.grade if self.summary else None

    @property
    def summary(self) -> ReportSummary | None:
        """Its report where that counts: complete, its own and of the last run."""
        counts = self.state in (MachineState.PASSED, MachineState.FAILED)
        return self.collected.summary if counts else None

    @property
    def passed(self) -> int:
        """How many checks passed."""
        checks = self.summary.checks if self.summary else ()
        return sum(check.verdict == "pass" for check in checks)


@dataclass(frozen=True, slots=True)
class ValueGroup:
    """The machines that share one value."""

    value: str
    hosts: tuple[str, ...]
    paths: tuple[str, ...] = ()  # where they differ from the largest group


@dataclass(frozen=True, slots=True)
class ComparedFacet:
    """One thing in which machines can differ, the largest group first."""

    title: str
    groups: tuple[ValueGroup, ...]

    @property
    def same(self) -> bool:
        """Whether all machines share one value."""
        return len(self.groups) < 2


@dataclass(frozen=True, slots=True)
class Classroom:
    """All machines of a class, judged and compared."""

    machines: tuple[MachineResult, ...]
    checks: tuple[str, ...]  # ids of the checks, sorted
    facets: tuple[ComparedFacet, ...]
    started: str = ""
    ended: str = ""
    chosen: tuple[str, ...] = ()  # machines of the last run
    unlisted: tuple[str, ...] = ()  # directories of machines that are not of this class
    faults: tuple[str, ...] = ()  # of the directory as a whole

    @property
    def passed(self) -> int:
        """How many machines passed."""
        return sum(machine.state is MachineState.PASSED for machine in self.machines)

    @property
    def private(self) -> bool:
        """Whether something is known of students: what is written of it is for its owner alone."""
        return any(machine.student.label or machine.grade for machine in self.machines)

    @property
    def needing_help(self) -> tuple[MachineResult, ...]:
        """Every machine that did not pass, in the order of the inventory."""
        return tuple(
            machine for machine in self.machines if machine.state is not MachineState.PASSED
        )
