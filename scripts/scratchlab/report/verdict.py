"""The exit status of a report: whether it says that all is explained and as predicted."""

from __future__ import annotations

from scratchlab.model import Json, Origin, Status, Verdict
from scratchlab.report import Report

EXPLAINED = 0
DIFFERS = 1

_FOREIGN = {Origin.PROCESS_WRITE, Origin.UNEXPLAINED}
_GONE = {Status.DELETED, Status.CHANGED}
_AS_PREDICTED = {"agrees", "none"}
# A check that was not run because of another has that other among these; one that says of itself
# that this machine cannot answer it is no failure.
FAILED = frozenset({Verdict.FAIL, Verdict.ERROR})


def exit_status(report: Report) -> int:
    """0 when everything is explained and as predicted; 1 when the process wrote, changed or
    deleted something, when an entry or a mount is unexplained, missing or against the
    prediction, when a check failed, or when the report holds a problem.
    """
    head = report.head
    calm = (
        not head["problems"]
        and not any(check["verdict"] in FAILED for check in head["checks"])
        and not any(ghost["kind"] in _GONE for ghost in head["ghosts"])
        and not any(map(_strange, head.get("mounts", ())))
        and not any(map(differs, report.entries))
    )
    return EXPLAINED if calm else DIFFERS


def _strange(mount: Json) -> bool:
    return mount["origin"] == Origin.UNEXPLAINED or mount["prediction"] not in _AS_PREDICTED


def differs(entry: Json) -> bool:
    """Whether an entry is one that a person should look at."""
    return (
        entry["origin"] in _FOREIGN
        or entry["status"] == Status.MISSING
        or entry["prediction"] not in _AS_PREDICTED
    )
