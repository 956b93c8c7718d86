"""The verdict of each report decides in a class, of schema 1 and 2 alike."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests import rooms
from tests.rooms import Reports, entry, made

from scratchlab.classroom.comparison import compare_machines
from scratchlab.classroom.read import differing_paths, read_reports
from scratchlab.classroom.results import Classroom, MachineState


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")


def judged(path: Path) -> Classroom:
    return compare_machines(read_reports(str(path)), partial(differing_paths, str(path)))


def states(classroom: Classroom) -> dict[str, MachineState]:
    return {machine.name: machine.state for machine in classroom.machines}


SCHEMA_1 = Path(__file__).parents[1] / "report" / "schema_1" / "real.json"


def of_schema_1(reports: Reports, name: str, **changes: Any) -> None:
    """Add a machine whose older scratchlab wrote its report; ``changes`` replace parts of it."""
    data = json.loads(SCHEMA_1.read_text())
    data |= {"host": data["host"] | {"name": name}, **changes}
    data["container"] = data["container"] | {"id": f"id of {name}"}
    file = reports.machine(name) / "report.json"
    file.write_text(json.dumps(data))
    status = json.loads((file.parent / "status.json").read_text())
    (file.parent / "status.json").write_text(json.dumps(status | {"report": rooms.sha1(file)}))


def test_class_of_mixed_versions_is_judged_and_compared(reports: Reports) -> None:
    real = json.loads(SCHEMA_1.read_text())
    written = [
        item | {"origin": "process-write", "live": item["live"] | {"size": 1}}
        if item["path"] == "/etc/hosts"
        else item
        for item in real["entries"]
    ]
    note = "no prediction: docker 99.1 is not among the versions that the rules were read in"
    problem = "index.json lists no image"
    gone: dict[str, Any] = {"path": "/a", "kind": "deleted", "origin": "process-write",
            "actor": "a process of the container", "evidence": [], "image": None}  # fmt: skip
    of_schema_1(reports, "old")
    of_schema_1(reports, "old-noted", problems=[note])
    of_schema_1(reports, "old-problem", problems=[problem, note])
    of_schema_1(reports, "old-written", entries=written)
    of_schema_1(reports, "old-deleted", ghosts=[gone])
    reports.machine("new")
    reports.machine("new-noted", made("new-noted", notes=[note]))
    tree = [*rooms.tree(), entry("/left", "file", "written-later")]
    reports.machine("new-written", made("new-written", tree))
    classroom = judged(reports.finish())
    failed = MachineState.FAILED
    assert states(classroom) == dict.fromkeys(reports.hosts, MachineState.PASSED) | {
        "old-problem": failed,
        "old-written": failed,
        "old-deleted": failed,
        "new-written": failed,
    }
    machines = {machine.name: machine for machine in classroom.machines}
    statuses = {name: machine.summary.status for name, machine in machines.items()}  # type: ignore[union-attr]
    assert statuses == dict.fromkeys(reports.hosts, 0) | {
        "old-problem": 1,
        "old-written": 3,
        "old-deleted": 3,
        "new-written": 3,
    }
    assert note in machines["old-noted"].notes
    assert note in machines["new-noted"].notes
    assert machines["old-problem"].reason == problem
    since = "since the start, all explained"
    assert machines["old-written"].reason == f"1 written {since}: /etc/hosts (written)"
    assert machines["old-deleted"].reason == f"1 deleted {since}: /a (deleted)"
    assert machines["new-written"].reason == f"1 written {since}: /left (written)"
    facet = next(f for f in classroom.facets if f.title.startswith("what the container sees"))
    groups = {frozenset(group.hosts): group.paths for group in facet.groups}
    usual = frozenset({"old", "old-noted", "old-problem", "old-deleted"})
    assert usual in groups
    if groups[usual] == ():
        assert groups[frozenset({"old-written"})] == ("/etc/hosts",)


def test_machine_without_a_prediction_passes_with_a_note(reports: Reports) -> None:
    note = "no prediction: docker 30.0 is not among the versions that the rules were read in"
    unpredicted = [item | {"prediction": "none"} for item in rooms.tree()]
    reports.machine("anna", made("anna", unpredicted, notes=[note]))
    classroom = judged(reports.finish())
    assert states(classroom) == {"anna": MachineState.PASSED}
    assert classroom.machines[0].notes == (note,)


def test_note_is_not_repeated_where_the_machine_failed(reports: Reports) -> None:
    tree = [*rooms.tree(), entry("/left", "file", "written-later")]
    reports.machine("ben", made("ben", tree, notes=["no prediction: x"]))
    (machine,) = judged(reports.finish()).machines
    assert machine.state is MachineState.FAILED
    assert machine.notes == ()


@pytest.mark.parametrize(
    ("origin", "status", "reason"),
    [
        ("written-later", 3, "1 written since the start, all explained: /left (written)"),
        ("mounted-inside", 3, "1 mounted since the start, all explained: /left (mounted)"),
        ("host-mount", 3, "1 mounted since the start, all explained: /left (mounted)"),
        ("unexplained", 1, "1 unexplained: /left (unexplained)"),
    ],
)
def test_verdict_of_the_report_is_the_reason(
    reports: Reports, origin: str, status: int, reason: str
) -> None:
    reports.machine("ben", made("ben", [*rooms.tree(), entry("/left", "file", origin)]))
    (machine,) = judged(reports.finish()).machines
    assert machine.summary is not None
    assert (machine.state, machine.summary.status) == (MachineState.FAILED, status)
    assert machine.reason == reason
    assert machine.help
