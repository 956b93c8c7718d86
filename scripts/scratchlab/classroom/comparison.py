"""The judgement of a room: pure. What lies there in, where each machine stands out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from scratchlab.classroom.results import (
    Classroom,
    CollectedMachine,
    ComparedFacet,
    MachineResult,
    MachineState,
    ReportsDirectory,
    ReportSummary,
    RunRecord,
    SameGroup,
)
from scratchlab.errors import LabError

# Which paths differ between the reports of two machines, on one side (image, live).
Differing = Callable[[str, str, str], tuple[str, ...]]

MOST_CAUSES = 3  # of checks that did not pass, in one sentence
MOST_COMPARED = 20  # groups whose paths are looked for: beyond that the room has another problem
_FACETS: tuple[tuple[str, str, str], ...] = (
    ("content of the image (ledger digest)", "ledger", "image"),
    ("what the container sees, and who put it there", "live", "live"),
    ("engine", "engine", ""),
    ("runtime", "runtime", ""),
    ("storage driver", "storage", ""),
    ("kernel", "kernel", ""),
    ("distribution", "distribution", ""),
    ("control groups", "cgroup", ""),
)
_OF_CONTAINER = {"ledger", "live", "runtime"}
_PREFIX = re.compile(r"^((Task|Action|Module) failed: |Failed to connect to the host via ssh: )+")


def compare_machines(directory: ReportsDirectory, differing: Differing) -> Classroom:
    """Where each machine stands, and in what they differ."""
    shared = _disputed(directory.found)
    slow = _slow(directory.found)
    ids = _check_ids(directory.found)
    own = (one for one in directory.found if one.summary and one.name not in shared)
    names = Counter(one.summary.hostname for one in own if one.summary)
    seats = []
    for one in directory.found:
        state, reason, help_ = _stand(one, directory, shared)
        seat = MachineResult(one, state, reason, help_, slow=one.name in slow)
        seats.append(
            MachineResult(
                one, state, reason, help_, tuple(_notes(seat, names, len(ids))), seat.slow
            )
        )
    return Classroom(
        tuple(seats),
        ids,
        tuple(_facets(seats, differing)),
        directory.started,
        directory.ended,
        directory.chosen,
        directory.others,
        directory.faults,
    )


def _stand(
    one: CollectedMachine, directory: ReportsDirectory, shared: dict[str, str]
) -> tuple[MachineState, str, str]:
    """State, reason and what mends it."""
    record, again = one.record, f"{directory.again} -l {one.name}"
    if record is not None:
        without = _without_report(one, record, again)
        if without:
            return without
    elif directory.known and not one.fault:
        return MachineState.WAITING, "not since the room was set up or reset", again
    if one.fault:
        return MachineState.DAMAGED, one.fault, f"look at what wrote it, then: {again}"
    if one.summary is None:
        return MachineState.NO_REPORT, "there is no report.json", again
    if record is not None and one.sha1 != record.report:
        why = "report.json is not the one that the last run brought back: it was changed here"
        return MachineState.DAMAGED, why, again
    if one.name in shared:
        return MachineState.DISPUTED, shared[one.name], f"ask who made it, then: {again}"
    return _by_report(one.summary, again)


def _without_report(
    one: CollectedMachine, record: RunRecord, again: str
) -> tuple[MachineState, str, str] | None:
    why = without_prefix(record.reason)
    if record.state == "unreachable":
        login = f"ssh {record.user + '@' if record.user else ''}{record.address or one.name}"
        return MachineState.UNREACHABLE, why, f"{login}; when that works: {again}"
    if record.report:
        kept = one.sha1 or one.fault
        return None if kept else (MachineState.NO_REPORT, "its report came and is gone", again)
    where = f"{record.stage}, {record.task}" if record.task else record.stage
    if record.state == "failed":
        return MachineState.BROKEN, f"{where}: {why}", again
    if record.state == "running":
        return MachineState.INTERRUPTED, f"the run was killed in the stage {where}", again
    return (
        MachineState.NO_REPORT,
        f"the run ended in the stage {where} without a report of it",
        again,
    )


def _by_report(summary: ReportSummary, again: str) -> tuple[MachineState, str, str]:
    bad = [check for check in summary.checks if check.verdict != "pass"]
    # What a machine cannot answer says so, and is no failure beside checks that passed.
    unable = {check.verdict for check in bad} == {"skip"} and len(bad) < len(summary.checks)
    if bad and not unable:
        # A check that was skipped waits for one that failed: that one is the trouble.
        worst = sorted(bad, key=lambda check: check.verdict == "skip")
        shown = [check for check in worst if check.verdict != worst[-1].verdict] or worst
        causes = [f"{check.id}: {check.cause}" for check in shown[:MOST_CAUSES]]
        more = len(bad) - len(causes)
        rest = f" ({more} more did not pass)" if more else ""
        return MachineState.FAILED, "; ".join(causes) + rest, shown[0].help or again
    if summary.problems:
        return MachineState.FAILED, summary.problems[0], again
    if not summary.checks:
        return MachineState.FAILED, "its report holds no check", again
    if not summary.calm:
        why = "the container is not as image and engine made it: something was written, deleted,"
        return (
            MachineState.FAILED,
            f"{why} is missing or is unexplained",
            "scratchlab verify sleep shows what",
        )
    return MachineState.PASSED, "", ""


def _disputed(found: Iterable[CollectedMachine]) -> dict[str, str]:
    """Machines whose report is not, or may not be, their own; by name, with the reason."""
    disputed, confirmed = {}, set()
    by_container: dict[str, list[CollectedMachine]] = {}
    for one in found:
        if one.summary is None:
            continue
        if one.summary.container:
            by_container.setdefault(one.summary.container, []).append(one)
        name = one.record.hostname if one.record else ""
        if name and name != one.summary.hostname:
            disputed[one.name] = (
                f"its report is of a machine called {one.summary.hostname}, "
                f"and this one calls itself {name}"
            )
        elif name:
            confirmed.add(one.name)
    for group in by_container.values():
        owners = [one.name for one in group if one.name in confirmed]
        for one in group if len(group) > 1 else ():
            if [one.name] != owners:
                others = ", ".join(other.name for other in group if other is not one)
                disputed.setdefault(one.name, f"its report is about the same container as {others}")
    return disputed


def _slow(found: Iterable[CollectedMachine]) -> set[str]:
    """Machines that took three times as long as most, and half a minute longer."""
    took = {one.name: one.record.seconds for one in found if one.record and one.record.report}
    usual = median(took.values()) if took else 0.0
    return {name for name, seconds in took.items() if seconds > max(3 * usual, usual + 30)}


def _notes(seat: MachineResult, names: Counter[str], checks: int) -> Iterable[str]:
    summary, record = seat.summary, seat.collected.record
    if seat.slow and record:
        yield f"slow: its tasks took {record.seconds:.0f} s, far longer than most"
    if summary and names[summary.hostname] > 1:
        yield f"{names[summary.hostname]} machines call themselves {summary.hostname}"
    skipped = [check.id for check in summary.checks if check.verdict == "skip"] if summary else []
    if skipped and seat.state is MachineState.PASSED:
        yield f"could not be asked here: {', '.join(skipped)}"
    if summary and 0 < len(summary.checks) < checks:
        yield f"only {len(summary.checks)} of {checks} checks were run"


def _check_ids(found: Iterable[CollectedMachine]) -> tuple[str, ...]:
    """The checks that at least half of the reports hold: one odd report adds no columns."""
    reports = [{check.id for check in one.summary.checks} for one in found if one.summary]
    counts = Counter(name for ids in reports for name in ids)
    return tuple(sorted(name for name, count in counts.items() if 2 * count >= len(reports)))


def _facets(seats: Sequence[MachineResult], differing: Differing) -> Iterable[ComparedFacet]:
    compared = 0
    for title, key, side in _FACETS:
        by_value: dict[str, list[MachineResult]] = {}
        for seat in seats:
            # Where no container could be looked at, nothing is known of image, root and runtime.
            if seat.summary and (seat.summary.container or key not in _OF_CONTAINER):
                by_value.setdefault(getattr(seat.summary, key), []).append(seat)
        groups = sorted(by_value.items(), key=lambda item: -len(item[1]))
        found: list[SameGroup] = []
        for value, hosts in groups:
            paths: tuple[str, ...] = ()
            if side and found and compared < MOST_COMPARED:
                compared += 1
                try:
                    paths = differing(
                        groups[0][1][0].found.directory, hosts[0].found.directory, side
                    )
                except LabError:  # it went away since; the digests differ all the same
                    paths = ()
            found.append(SameGroup(value, tuple(seat.name for seat in hosts), paths))
        if found:
            yield ComparedFacet(title, tuple(found))


def without_prefix(reason: str) -> str:
    """A reason as Ansible gives it, without the words that it puts before each."""
    return _PREFIX.sub("", reason)
