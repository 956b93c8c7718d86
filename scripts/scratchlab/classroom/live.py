"""A room while a lesson runs: who needs somebody, in that order. Pure.

Two clocks never meet: what a machine says of times is compared with the machine's own clock, which
it sends along; how long ago it said so is measured by the monotonic clock of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scratchlab.classroom.status import Status


class Need(StrEnum):
    """How a learner is; in the order in which they need somebody."""

    HELP = "asked for help"
    GONE = "machine gone"
    STUCK = "stuck"
    IDLE = "idle"
    DAMAGED = "damaged status"
    CONNECTING = "connecting"
    ABSENT = "not begun"
    WORKING = "working"
    FINISHED = "finished"


_ORDER = {need: place for place, need in enumerate(Need)}
WANTS_SOMEBODY = frozenset({Need.HELP, Need.GONE, Need.STUCK, Need.IDLE, Need.DAMAGED})


@dataclass(frozen=True, slots=True)
class Limits:
    """After how many seconds a learner counts as stuck at a step, and as idle."""

    stuck: float = 15 * 60
    idle: float = 10 * 60


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A status file on a machine: when it was changed, by the machine's clock, and what it holds.

    ``status`` is None where it is damaged; then ``fault`` tells why.
    """

    changed: int
    status: Status | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a machine answered: its clock, and the status files. ``at``: this machine's monotonic
    clock, in seconds.
    """

    at: float
    clock: int
    files: tuple[SeenFile, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the room: its last answer, and since when and why there is no newer one.

    ``gone`` is by this machine's monotonic clock; None while it answers, and before it could.
    """

    name: str
    answer: Answer | None = None
    gone: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One learner at one machine. Durations are in seconds; None where nothing is known."""

    machine: str
    student: str  # of the roster, else the account; empty where neither is known
    need: Need
    status: Status | None
    idle: float | None = None
    stuck: float | None = None
    asked: float | None = None
    gone: float | None = None
    reason: str = ""

    @property
    def waiting(self) -> float:
        """For how many seconds the learner has needed what they need."""
        waits = {
            Need.HELP: self.asked,
            Need.GONE: self.gone,
            Need.STUCK: self.stuck,
            Need.IDLE: self.idle,
        }
        return waits.get(self.need) or 0.0


def rows_of(
    machines: Sequence[Machine], now: float, limits: Limits, names: Mapping[str, str]
) -> tuple[Row, ...]:
    """The rows of a room, who needs somebody first; the longest wait first, then as ``machines``.

    ``now`` is this machine's monotonic clock, ``names`` the students by machine.
    """
    rows = [row for machine in machines for row in _rows(machine, now, limits, names)]
    return tuple(sorted(rows, key=lambda row: (_ORDER[row.need], -row.waiting)))


def _rows(machine: Machine, now: float, limits: Limits, names: Mapping[str, str]) -> Iterator[Row]:
    student = names.get(machine.name, "")
    answer = machine.answer
    gone = None if machine.gone is None else max(now - machine.gone, 0.0)
    if answer is None or not answer.files:
        silent = Need.CONNECTING if answer is None else Need.ABSENT
        need = silent if gone is None else Need.GONE
        yield Row(machine.name, student, need, None, gone=gone, reason=machine.reason)
        return
    since = max(now - answer.at, 0.0)
    accounts = sum(file.status is not None for file in answer.files)
    for file in answer.files:
        status = file.status
        idle = _passed(answer.clock, file.changed) + since
        account = status.user if status else ""
        # One machine with several accounts: the roster knows the machine, not the account.
        who = student if student and accounts < 2 else account or student
        if status is None:
            need = Need.DAMAGED if gone is None else Need.GONE
            reason = machine.reason or file.fault
            yield Row(machine.name, who, need, None, idle=idle, gone=gone, reason=reason)
            continue
        stuck = _passed(answer.clock, status.since) + since
        stuck_known = status.begun and not status.finished
        asked = _passed(answer.clock, status.help.since) + since if status.help else None
        yield Row(
            machine.name,
            who,
            _need(status, idle, stuck, gone, limits),
            status,
            idle=idle,
            stuck=stuck if stuck_known else None,
            asked=asked,
            gone=gone,
            reason=machine.reason,
        )


def _need(status: Status, idle: float, stuck: float, gone: float | None, limits: Limits) -> Need:
    if status.help:
        return Need.HELP
    if gone is not None:
        return Need.GONE
    if status.finished:
        return Need.FINISHED
    if not status.begun:
        return Need.ABSENT
    if idle >= limits.idle:
        return Need.IDLE
    return Need.STUCK if stuck >= limits.stuck else Need.WORKING


def _passed(clock: int, then: int) -> float:
    """Seconds from ``then`` to ``clock``; 0 where a machine says that it is still to come."""
    return float(max(clock - then, 0))
