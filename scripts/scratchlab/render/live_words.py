"""The row of a learner in words, as terminal and page show it, and the sentence above the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scratchlab.classroom.live import WANTS_SOMEBODY, Need, Row

HEADINGS = ("machine", "student", "", "step", "points", "at it for", "idle for", "")


@dataclass(frozen=True, slots=True)
class LiveWords:
    """The cells of a row. ``kind``: ``bad``, ``warn``, ``good`` or ``plain``."""

    machine: str
    student: str
    state: str
    step: str
    points: str
    stuck: str
    idle: str
    message: str
    kind: str

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of :data:`HEADINGS`."""
        return (
            self.machine, self.student, self.state, self.step, self.points, self.stuck, self.idle,
            self.message,
        )  # fmt: skip


_KINDS = {
    Need.HELP: "bad",
    Need.GONE: "bad",
    Need.DAMAGED: "bad",
    Need.STUCK: "warn",
    Need.IDLE: "warn",
    Need.WORKING: "good",
    Need.FINISHED: "good",
}


def duration(seconds: float | None) -> str:
    """``seconds`` in words, rounded down: ``40 s``, ``12 min``, ``1 h 5 min``, ``3 days``."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} days"


def words_of(row: Row) -> LiveWords:
    """The row of a learner in words."""
    status = row.status
    begun = status is not None and status.begun
    asked = status.help.text if status and status.help else ""
    gone = f"machine gone: {row.reason}" if row.need is Need.HELP and row.gone is not None else ""
    said = (asked, gone) if row.need is Need.HELP else (row.reason,)
    wrong = f", {status.wrong} in vain" if status and status.wrong and not status.finished else ""
    waiting = f" {duration(row.waiting)}" if row.need in (Need.HELP, Need.GONE) else ""
    return LiveWords(
        row.machine,
        row.student,
        f"{row.need}{waiting}",
        f"{status.number} of {status.steps} {status.title}{wrong}" if status and begun else "",
        f"{status.points} of {status.of}" if status and begun else "",
        duration(row.stuck),
        duration(row.idle),
        "; ".join(filter(None, said)),
        _KINDS.get(row.need, "plain"),
    )


def sentence(rows: Sequence[Row]) -> str:
    """How many need somebody, and how the others are."""
    counts = Counter(row.need for row in rows)
    wanting = sum(counts[need] for need in WANTS_SOMEBODY)
    parts = ", ".join(f"{counts[need]} {need}" for need in Need if counts[need])
    subject = f"{wanting} of {len(rows)} {'needs' if wanting == 1 else 'need'} somebody"
    return f"{subject} ({parts})" if parts else subject
