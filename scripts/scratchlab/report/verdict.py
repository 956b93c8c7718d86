"""The verdict of a report: one definition for exit status, JSON, terminal, page, TAP, JUnit, class.

========  ==============================================================================
status 0  all is explained and as predicted, and nothing changed since the start but what a
          policy allows (--expect)
status 3  all is explained, but something changed since the start (drift)
status 1  something is unexplained, missing or against the prediction, or a check failed
status 2  the question could not be answered: there is no report, and LabError says why
========  ==============================================================================

Of several statuses the worst counts, in the order 2, 1, 3, 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import cast

from scratchlab.model import Origin, Status, Verdict
from scratchlab.report.sections import (
    EntrySection,
    Head,
    HeadFields,
    MountSection,
    VerdictCounts,
    VerdictSection,
)


class ExitStatus(IntEnum):
    """Exit statuses of scratchlab."""

    EXPLAINED = 0
    FAILED = 1
    UNANSWERED = 2
    DRIFTED = 3


WORDS = {
    ExitStatus.EXPLAINED: "explained",
    ExitStatus.FAILED: "failed",
    ExitStatus.DRIFTED: "drifted",
}
# A skipped check does not count: this machine cannot run it, or a check that it depends on failed
# and counts itself.
FAILED_CHECKS = frozenset({Verdict.FAIL, Verdict.ERROR})
CHANGED_WHILE_READ = "changed while read"  # note of an entry: scratchlab.collect.live
MOST_NAMED = 3  # paths that the sentence names

_AS_PREDICTED = {"agrees", "none"}
_MOUNTED_LATER = {Origin.MOUNTED_INSIDE, Origin.HOST_MOUNT}
_WORST_FIRST = (
    ExitStatus.UNANSWERED,
    ExitStatus.FAILED,
    ExitStatus.DRIFTED,
    ExitStatus.EXPLAINED,
)
# Keys of the counts, in the order in which the sentence names them.
_FAULTS = {
    "unexplained": "unexplained",
    "missing": "missing",
    "contradictions": "against the prediction",
}
DRIFT = {
    "written": "written",
    "mounted": "mounted",
    "changed": "changed",
    "deleted": "deleted",
    "unstable": "changed while read",
}
_WORDS = _FAULTS | DRIFT
# What a policy may allow; what is missing or against the prediction counts whatever a policy says.
ALLOWABLE = frozenset(DRIFT) | {"unexplained"}


def worst(statuses: Iterable[int]) -> ExitStatus:
    """The status that counts of several; 0 if there is none."""
    given = set(statuses)
    return next((status for status in _WORST_FIRST if status in given), ExitStatus.EXPLAINED)


def decide(head: HeadFields, entries: Iterable[EntrySection]) -> VerdictSection:
    """The verdict of the report that ``head`` and ``entries`` make."""
    counts: VerdictCounts = {
        "unexplained": 0, "missing": 0, "contradictions": 0, "failed_checks": 0, "problems": 0,
        "written": 0, "mounted": 0, "changed": 0, "deleted": 0, "unstable": 0,
    }  # fmt: skip
    faults: list[str] = []  # paths that the sentence names
    drift: list[str] = []
    allowed = [0, 0]  # all, and the unexplained of them
    verified = predicted = False
    for entry in entries:
        verified = True
        _count_allowed(entry, allowed)
        predicted = predicted or entry["prediction"] == "agrees"
        _count(trouble_of(entry), entry["path"], counts, faults, drift)
    for mount in head.get("mounts", ()):
        if not mount["entry"]:  # a mount that has an entry is counted as that entry
            _count_allowed(mount, allowed)
            _count(trouble_of(mount), mount["target"], counts, faults, drift)
    for ghost in head["ghosts"]:
        if ghost["kind"] in (Status.CHANGED, Status.DELETED):
            allowed[0] += "allowed" in ghost
            if "allowed" not in ghost:
                _count(ghost["kind"], ghost["path"], counts, faults, drift)
    if "left_out" in head:
        for key, count in head["left_out"]["counts"].items():
            counts[key] += count  # type: ignore[literal-required]  # a key of VerdictCounts
    failed = [check["id"] for check in head["checks"] if check["verdict"] in FAILED_CHECKS]
    counts["failed_checks"] = len(failed)
    counts["problems"] = len(head["problems"])
    drifted = _drift_listed(counts)
    failures = _listed(counts, _FAULTS)
    if failed:
        more = " ..." if len(failed) > MOST_NAMED else ""
        noun = "check" if len(failed) == 1 else "checks"
        failures.append(f"{len(failed)} {noun} failed ({', '.join(failed[:MOST_NAMED])}{more})")
    if head["problems"]:
        noun = "problem" if len(head["problems"]) == 1 else "problems"
        failures.append(f"{len(head['problems'])} {noun} of the image archive")
    if failures:
        status, sentence = ExitStatus.FAILED, ", ".join(failures) + _named(faults)
        if drifted:
            sentence += f"; also {drifted}"
    elif drifted:
        status = ExitStatus.DRIFTED
        sentence = f"{drifted}, all explained{_named(drift)}"
    else:
        status = ExitStatus.EXPLAINED
        sentence = "all explained, and as predicted"
        if not verified:
            sentence = "no check failed; no container was verified"
        elif not predicted:
            sentence = "all explained; nothing was predicted"
    if "expect" in head:
        counts["allowed"] = allowed[0]
        sentence += _allowance(allowed, head["expect"]["file"])
    return {
        "status": int(status),
        "word": WORDS[status],
        "sentence": sentence,
        "counts": counts,
    }


def verification_results(head: Head) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """The verdict as two tests, for formats that hold tests: the title of each, and whether it
    passed. Failed checks are tests of their own.
    """
    counts = head["verdict"]["counts"]
    explained = not any(counts[key] for key in (*_FAULTS, "problems"))  # type: ignore[literal-required]
    unchanged = not any(counts[key] for key in DRIFT)  # type: ignore[literal-required]
    return (
        ("verify every entry has an origin and is as predicted", explained),
        ("verify nothing changed since the start", unchanged),
    )


def trouble_of(section: EntrySection | MountSection) -> str | None:
    """The key of the count that an entry or a mount belongs to; None where it is in order, or
    allowed by a policy.
    """
    trouble = _trouble(section)
    return None if trouble in ALLOWABLE and "allowed" in section else trouble


def _trouble(section: EntrySection | MountSection) -> str | None:
    origin = section["origin"]
    live = cast(EntrySection, section)["live"] if "live" in section else None
    if live is not None and live.get("note") == CHANGED_WHILE_READ:
        return "unstable"
    if section.get("status") == Status.MISSING:
        return "missing"
    if origin == Origin.UNEXPLAINED:
        return "unexplained"
    if not as_predicted(section):
        return "contradictions"
    if origin == Origin.WRITTEN_LATER:
        return "deleted" if section.get("status") == Status.DELETED else "written"
    return "mounted" if origin in _MOUNTED_LATER else None


def is_plain(entry: EntrySection) -> bool:
    """Whether an entry is in order, and the image's own, unchanged, or the user's: then there is
    nothing to say of it, and it is only counted.
    """
    known = entry["status"] == Status.SAME or entry["origin"] == Origin.USER_DATA
    return known and _trouble(entry) is None


def as_predicted(section: EntrySection | MountSection) -> bool:
    """Whether nothing contradicts the prediction for an entry or a mount."""
    return section["prediction"] in _AS_PREDICTED


def _count(
    key: str | None, path: str, counts: VerdictCounts, faults: list[str], drift: list[str]
) -> None:
    if key is None:
        return
    counts[key] += 1  # type: ignore[literal-required]  # a key of VerdictCounts
    named = faults if key in _FAULTS else drift
    if len(named) <= MOST_NAMED:
        named.append(f"{path} ({_WORDS[key]})")


def _count_allowed(section: EntrySection | MountSection, allowed: list[int]) -> None:
    if "allowed" not in section:
        return
    trouble = _trouble(section)
    allowed[0] += trouble in ALLOWABLE
    allowed[1] += trouble == "unexplained"


def _allowance(allowed: list[int], file: str) -> str:
    """``; 12 changes are allowed by FILE``; empty where there are none."""
    count, unexplained = allowed
    if not count:
        return ""
    noun = "change is" if count == 1 else "changes are"
    which = f", of which {unexplained} unexplained" if unexplained else ""
    return f"; {count} {noun} allowed by {file}{which}"


def _listed(counts: VerdictCounts, keys: dict[str, str]) -> list[str]:
    return [f"{counts[key]} {text}" for key, text in keys.items() if counts[key]]  # type: ignore[literal-required]


def _drift_listed(counts: VerdictCounts) -> str:
    """``2 written, 1 deleted since the start, 1 changed while read``; empty without drift."""
    since = {key: text for key, text in DRIFT.items() if key != "unstable"}
    parts = _listed(counts, since)
    if parts:
        parts[-1] += " since the start"
    return ", ".join(parts + _listed(counts, {"unstable": DRIFT["unstable"]}))


def _named(paths: list[str]) -> str:
    if not paths:
        return ""
    more = ", ..." if len(paths) > MOST_NAMED else ""
    return f": {', '.join(paths[:MOST_NAMED])}{more}"
