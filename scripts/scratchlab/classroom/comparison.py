"""The judgement of a class, without reading anything: the state of each machine, and where
machines differ.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
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
    ValueGroup,
)
from scratchlab.classroom.seats import Seat
from scratchlab.errors import LabError
from scratchlab.remedy import NOTHING, Command, Place, Reader, Remedy, Step, advise, lab

# The paths in which the reports of two machines' directories differ, on one side (image, live).
DifferingPaths = Callable[[str, str, str], tuple[str, ...]]

RERUN = advise("run the lab on it again", *lab(""))
MORE = advise("see more", Command("scratchlab verify sleep"))
MOST_CAUSES = 3  # of checks that did not pass, in one sentence
MOST_COMPARED = 20  # groups whose paths are compared: beyond that the class has another problem
# Title, field of ReportSummary, side of the entries that explains a difference.
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
_ANSIBLE_PREFIX = re.compile(
    r"^((Task|Action|Module) failed: |Failed to connect to the host via ssh: )+"
)


def compare_machines(directory: ReportsDirectory, differing: DifferingPaths) -> Classroom:
    """Judge every machine of ``directory``, and compare those whose report counts."""
    collected = directory.machines
    disputed = _disputed(collected)
    slow = _slow(collected)
    ids = _check_ids(collected)
    coverage = _usual_coverage(collected)
    hostnames = Counter(
        machine.summary.hostname
        for machine in collected
        if machine.summary and machine.name not in disputed
    )
    results = []
    for machine in collected:
        state, reason, remedy = _state(machine, directory, disputed)
        reader = _reader(machine.name, directory)
        result = MachineResult(machine, state, reason, remedy, reader, slow=machine.name in slow)
        results.append(replace(result, notes=tuple(_notes(result, hostnames, len(ids), coverage))))
    return Classroom(
        tuple(results),
        ids,
        tuple(_facets(results, differing)),
        directory.started,
        directory.ended,
        directory.chosen,
        directory.unlisted,
        directory.faults,
    )


def _reader(name: str, directory: ReportsDirectory) -> Reader:
    """Who reads of the machine ``name``: somebody on it, or on the controller of a room."""
    alone = len(directory.machines) == 1 and directory.inventory_known
    if alone and not directory.inventories:
        return Reader(engine=directory.engine)
    return Reader(name, directory.inventories, directory.engine)


def _state(
    machine: CollectedMachine, directory: ReportsDirectory, disputed: dict[str, str]
) -> tuple[MachineState, str, Remedy]:
    """State, reason and remedy."""
    record = machine.record
    if record is not None:
        without = _state_without_report(machine, record)
        if without:
            return without
    elif directory.inventory_known and not machine.fault:
        return MachineState.WAITING, "no run since the room was set up or reset", RERUN
    if machine.fault:
        return MachineState.DAMAGED, machine.fault, _then_rerun(Step("find out what wrote it"))
    if machine.summary is None:
        return MachineState.NO_REPORT, "there is no report.json", RERUN
    if record is not None and machine.sha1 != record.report:
        why = "report.json is not the one that the last run fetched: it was changed afterwards"
        return MachineState.DAMAGED, why, RERUN
    if machine.name in disputed:
        remedy = _then_rerun(Step("ask who made it"))
        return MachineState.DISPUTED, disputed[machine.name], remedy
    return _state_by_report(machine.summary)


def _then_rerun(first: Step, then: str = "then") -> Remedy:
    return Remedy((first, Step(then, lab(""))))


def _state_without_report(
    machine: CollectedMachine, record: RunRecord
) -> tuple[MachineState, str, Remedy] | None:
    why = without_prefix(record.reason)
    if record.state == "unreachable":
        seat = Seat(machine.name, address=record.address, user=record.user, port=record.port)
        login = Command(seat.login, Place.CONTROLLER)
        remedy = _then_rerun(Step("log in", (login,)), "when that works")
        return MachineState.UNREACHABLE, why, remedy
    if record.report:
        kept = machine.sha1 or machine.fault
        gone = "its report was fetched, but is gone"
        return None if kept else (MachineState.NO_REPORT, gone, RERUN)
    where = f"{record.stage}, {record.task}" if record.task else record.stage
    if record.state == "failed":
        return MachineState.BROKEN, f"{where}: {why}", RERUN
    if record.state == "running":
        return MachineState.INTERRUPTED, f"the run was killed in the stage {where}", RERUN
    return MachineState.NO_REPORT, f"the run ended in the stage {where} without a report", RERUN


def _state_by_report(summary: ReportSummary) -> tuple[MachineState, str, Remedy]:
    bad = [check for check in summary.checks if check.verdict != "pass"]
    # A question that this machine cannot answer is not a failure beside checks that passed.
    unable = {check.verdict for check in bad} == {"skip"} and len(bad) < len(summary.checks)
    if bad and not unable:
        # A skipped check waits for one that failed: name the one that failed.
        worst = sorted(bad, key=lambda check: check.verdict == "skip")
        shown = [check for check in worst if check.verdict != worst[-1].verdict] or worst
        causes = [f"{check.id}: {check.cause}" for check in shown[:MOST_CAUSES]]
        more = len(bad) - len(causes)
        rest = f" ({more} more did not pass)" if more else ""
        return MachineState.FAILED, "; ".join(causes) + rest, shown[0].remedy or RERUN
    if summary.problems:
        return MachineState.FAILED, summary.problems[0], RERUN
    if not summary.checks:
        return MachineState.FAILED, "its report holds no checks", RERUN
    if summary.status:
        return MachineState.FAILED, summary.sentence, MORE
    return MachineState.PASSED, "", NOTHING


def _disputed(machines: Iterable[CollectedMachine]) -> dict[str, str]:
    """Machines whose report is not, or may not be, their own; by name, with the reason."""
    disputed: dict[str, str] = {}
    confirmed = set()
    by_container: dict[str, list[CollectedMachine]] = {}
    for machine in machines:
        if machine.summary is None:
            continue
        if machine.summary.container:
            by_container.setdefault(machine.summary.container, []).append(machine)
        hostname = machine.record.hostname if machine.record else ""
        if hostname and hostname != machine.summary.hostname:
            disputed[machine.name] = (
                f"its report is from the host {machine.summary.hostname}, "
                f"but this machine's host name is {hostname}"
            )
        elif hostname:
            confirmed.add(machine.name)
    for group in by_container.values():
        owners = [machine.name for machine in group if machine.name in confirmed]
        for machine in group if len(group) > 1 else ():
            if [machine.name] != owners:
                others = ", ".join(other.name for other in group if other is not machine)
                why = f"its report is about the same container as {others}"
                disputed.setdefault(machine.name, why)
    return disputed


def _slow(machines: Iterable[CollectedMachine]) -> set[str]:
    """Machines that took three times as long as most, and half a minute longer."""
    seconds = {
        machine.name: machine.record.seconds
        for machine in machines
        if machine.record and machine.record.report
    }
    usual = median(seconds.values()) if seconds else 0.0
    return {name for name, took in seconds.items() if took > max(3 * usual, usual + 30)}


def _notes(
    result: MachineResult, hostnames: Counter[str], checks: int, coverage: str
) -> Iterable[str]:
    summary, record = result.summary, result.collected.record
    if result.slow and record:
        yield f"slow: its tasks took {record.seconds:.0f} s, far longer than on most machines"
    if summary and hostnames[summary.hostname] > 1:
        yield f"{hostnames[summary.hostname]} machines have the host name {summary.hostname}"
    skipped = [check.id for check in summary.checks if check.verdict == "skip"] if summary else []
    if skipped and result.state is MachineState.PASSED:
        yield f"not answered on this machine: {', '.join(skipped)}"
    if summary and result.state is MachineState.PASSED:
        yield from summary.notes
    if summary and summary.covers != coverage:
        yield (
            f"what its container sees is not compared: its report covers {summary.covers}, most"
            f" cover {coverage}"
        )
    if summary and 0 < len(summary.checks) < checks:
        yield f"only {len(summary.checks)} of {checks} checks were run"


def _check_ids(machines: Iterable[CollectedMachine]) -> tuple[str, ...]:
    """The checks that at least half of the reports hold: one odd report adds no columns."""
    reports = [
        {check.id for check in machine.summary.checks} for machine in machines if machine.summary
    ]
    counts = Counter(name for ids in reports for name in ids)
    return tuple(sorted(name for name, count in counts.items() if 2 * count >= len(reports)))


def _facets(results: Sequence[MachineResult], differing: DifferingPaths) -> Iterable[ComparedFacet]:
    compared = 0
    usual_coverage = _usual_coverage(result.collected for result in results)
    for title, key, side in _FACETS:
        by_value: dict[str, list[MachineResult]] = {}
        for result in results:
            if key == "live" and result.summary and result.summary.covers != usual_coverage:
                continue  # two reports that cover different things cannot be compared
            # Without a container, nothing is known of image, root and runtime.
            if result.summary and (result.summary.container or key not in _OF_CONTAINER):
                by_value.setdefault(getattr(result.summary, key), []).append(result)
        by_size = sorted(by_value.items(), key=lambda item: -len(item[1]))
        groups: list[ValueGroup] = []
        for value, members in by_size:
            paths: tuple[str, ...] = ()
            if side and groups and compared < MOST_COMPARED:
                compared += 1
                usual = by_size[0][1][0]
                try:
                    paths = differing(
                        usual.collected.directory, members[0].collected.directory, side
                    )
                except LabError:  # a report was removed since; the digests differ all the same
                    paths = ()
            groups.append(ValueGroup(value, tuple(member.name for member in members), paths))
        if groups:
            yield ComparedFacet(title, tuple(groups))


def _usual_coverage(machines: Iterable[CollectedMachine]) -> str:
    """What most of the reports cover."""
    counts = Counter(machine.summary.covers for machine in machines if machine.summary)
    return counts.most_common(1)[0][0] if counts else ""


def without_prefix(reason: str) -> str:
    """A reason of Ansible's without the words that it puts before each."""
    return _ANSIBLE_PREFIX.sub("", reason)
