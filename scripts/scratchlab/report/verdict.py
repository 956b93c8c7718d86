"""The exit status of a report: 0 when everything is explained and as predicted, else 1."""

from __future__ import annotations

from scratchlab.model import Origin, Status, Verdict
from scratchlab.report import Report
from scratchlab.report.sections import EntrySection, MountSection

EXPLAINED = 0
DIFFERS = 1

_NEEDS_A_LOOK = {Origin.PROCESS_WRITE, Origin.UNEXPLAINED}
_BY_PROCESS = {Status.DELETED, Status.CHANGED}  # ghosts that a process of the container made
_AS_PREDICTED = {"agrees", "none"}
# A skipped check does not count: this machine cannot run it, or a check that it depends on failed
# and counts itself.
FAILED = frozenset({Verdict.FAIL, Verdict.ERROR})


def exit_status(report: Report) -> int:
    """0 when everything is explained and as predicted; 1 when the process wrote, changed or
    deleted something, when an entry or a mount is unexplained, missing or against the
    prediction, when a check failed, or when the report holds a problem.
    """
    head = report.head
    as_expected = (
        not head["problems"]
        and not any(check["verdict"] in FAILED for check in head["checks"])
        and not any(ghost["kind"] in _BY_PROCESS for ghost in head["ghosts"])
        and not any(map(_mount_differs, head.get("mounts", ())))
        and not any(map(differs, report.entries))
    )
    return EXPLAINED if as_expected else DIFFERS


def differs(entry: EntrySection) -> bool:
    """Whether a person should look at ``entry``."""
    return (
        entry["origin"] in _NEEDS_A_LOOK
        or entry["status"] == Status.MISSING
        or not as_predicted(entry)
    )


def as_predicted(section: EntrySection | MountSection) -> bool:
    """Whether nothing contradicts the prediction for an entry or a mount."""
    return section["prediction"] in _AS_PREDICTED


def _mount_differs(mount: MountSection) -> bool:
    return mount["origin"] == Origin.UNEXPLAINED or not as_predicted(mount)
