"""A class is judged from its reports directory, and nothing in there is believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests import rooms
from tests.rooms import Reports, entry, made

from scratchlab import report
from scratchlab.classroom import read
from scratchlab.classroom.comparison import compare_machines
from scratchlab.classroom.read import differing_paths, read_reports
from scratchlab.classroom.results import Classroom, MachineState
from scratchlab.render.room_words import facet_sentence


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")


def judged(path: Path) -> Classroom:
    return compare_machines(read_reports(str(path)), partial(differing_paths, str(path)))


def states(classroom: Classroom) -> dict[str, MachineState]:
    return {machine.name: machine.state for machine in classroom.machines}


def test_class_where_every_machine_passed(reports: Reports) -> None:
    for name in ("anna", "ben", "cleo"):
        reports.machine(name)
    classroom = judged(reports.finish())
    assert states(classroom) == dict.fromkeys(("anna", "ben", "cleo"), MachineState.PASSED)
    assert classroom.needing_help == ()
    assert all(facet.same for facet in classroom.facets)
    assert classroom.checks == tuple(rooms.CHECKS)


def test_differing_image_is_named_with_the_path(reports: Reports) -> None:
    for number in range(1, 24):
        reports.machine(f"student{number:02}")
    tree = rooms.tree()
    sleep = next(item for item in tree if item["path"] == "/sleep")
    sleep["image"]["sha256"] = "0" * 64
    other = made("student24", tree, image={"ledger_digest": "sha256:" + "cd" * 32})
    reports.machine("student24", other)
    facets = {facet.title: facet for facet in judged(reports.finish()).facets}
    assert facet_sentence(facets["content of the image (ledger digest)"]) == (
        "23 of 24 have sha256:abababababab; student24 differs in /sleep"
    )


def test_entry_of_one_container_only_is_named(reports: Reports) -> None:
    for name in ("anna", "ben"):
        reports.machine(name)
    tree = [*rooms.tree(), entry("/left\x1b[31m", "file", "written-later")]
    reports.machine("cleo", made("cleo", tree))
    classroom = judged(reports.finish())
    facet = next(f for f in classroom.facets if f.title.startswith("what the container sees"))
    assert facet_sentence(facet) == "2 of 3 agree; cleo differs in /left\\x1b[31m"
    assert states(classroom)["cleo"] is MachineState.FAILED


@pytest.mark.parametrize(
    ("record", "state", "reason"),
    [
        (
            {"state": "unreachable", "reason": "Connection refused"},
            MachineState.UNREACHABLE,
            "refused",
        ),
        (
            {"state": "failed", "stage": "Provision", "task": "Install", "reason": "no space left"},
            MachineState.BROKEN,
            "Provision, Install: no space left",
        ),
        ({"state": "running", "stage": "Build", "ended": None}, MachineState.INTERRUPTED, "Build"),
        ({"state": "left", "stage": "Run"}, MachineState.NO_REPORT, "Run"),
        ({"state": "done", "stage": "Run"}, MachineState.NO_REPORT, "without a report"),
    ],
)
def test_machine_without_report_is_named_with_the_reason(
    reports: Reports, record: dict[str, Any], state: MachineState, reason: str
) -> None:
    reports.machine("anna")
    reports.machine("ben", report=None, **record)
    classroom = judged(reports.finish())
    assert states(classroom) == {"anna": MachineState.PASSED, "ben": state}
    assert reason in classroom.needing_help[0].reason
    assert classroom.needing_help[0].help


def test_earlier_report_does_not_count_for_a_run_without_one(reports: Reports) -> None:
    directory = reports.machine("ben")
    status = json.loads((directory / "status.json").read_text())
    (directory / "status.json").write_text(
        json.dumps(status | {"state": "unreachable", "report": None, "reason": "timed out"})
    )
    classroom = judged(reports.finish())
    assert states(classroom) == {"ben": MachineState.UNREACHABLE}
    assert classroom.machines[0].summary is None
    assert classroom.facets == ()


def test_report_without_run_record_does_not_count(reports: Reports) -> None:
    directory = reports.machine("ben")
    (directory / "status.json").unlink()
    assert states(judged(reports.finish())) == {"ben": MachineState.WAITING}


def test_listed_machine_without_a_run_is_waiting(reports: Reports) -> None:
    reports.machine("anna")
    assert states(judged(reports.finish("dora"))) == {
        "anna": MachineState.PASSED,
        "dora": MachineState.WAITING,
    }


def deep(_: bytes) -> bytes:
    return b"[" * 200_000


def older(data: bytes) -> bytes:
    return data.replace(b"scratchlab-report-2", b"scratchlab-report-0")


def newer(data: bytes) -> bytes:
    return data.replace(b"scratchlab-report-2", b"scratchlab-report-3")


def without_notes(data: bytes) -> bytes:
    return data.replace(b'"notes": [],\n', b"")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "not JSON": lambda _: b"<html>",
    "not an object": lambda _: b"[]",
    "binary": lambda _: os.urandom(4096),
    "older schema": older,
    "newer schema": newer,
    "notes are gone": without_notes,
    "another verdict": lambda data: data.replace(b'"status":0', b'"status":3'),
    "a verdict that does not exist": lambda data: data.replace(b'"status":0', b'"status":2'),
    "a field is gone": lambda data: data.replace(b'"kernel"', b'"colonel"'),
    "a verdict that is none": lambda data: data.replace(b'"verdict":"pass"', b'"verdict":"PASS"'),
    "a number too long": lambda data: data.replace(b'"pid":4242', b'"pid":' + b"9" * 9999),
    "nested too deep": deep,
    "null": lambda _: b"null",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_report_is_named_and_others_are_unaffected(
    reports: Reports, damage: Callable[[bytes], bytes]
) -> None:
    reports.machine("anna")
    directory = reports.machine("ben")
    file = directory / "report.json"
    before = file.read_bytes()
    file.write_bytes(damage(before))
    assert file.read_bytes() != before
    status = json.loads((directory / "status.json").read_text())
    (directory / "status.json").write_text(json.dumps(status | {"report": rooms.sha1(file)}))
    classroom = judged(reports.finish())
    assert states(classroom) == {"anna": MachineState.PASSED, "ben": MachineState.DAMAGED}
    assert "report" in classroom.needing_help[0].reason


def pipe(path: Path) -> None:
    os.mkfifo(path)


def directory_there(path: Path) -> None:
    path.mkdir()


def dead_link(path: Path) -> None:
    path.symlink_to("/nothing/there")


@pytest.mark.parametrize("make", [pipe, directory_there, dead_link])
@pytest.mark.parametrize("name", ["report.json", "status.json"])
def test_special_file_is_named_and_not_opened(
    reports: Reports, make: Callable[[Path], None], name: str
) -> None:
    reports.machine("anna")
    file = reports.machine("ben") / name
    file.unlink()
    make(file)
    classroom = judged(reports.finish())
    assert states(classroom) == {"anna": MachineState.PASSED, "ben": MachineState.DAMAGED}
    assert f"{name} is" in classroom.needing_help[0].reason


def test_report_over_the_size_limit_is_named(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.machine("anna")
    many = [entry(f"/file{number}", "file", "image-layer") for number in range(1000)]
    reports.machine("ben", made("ben", many))
    monkeypatch.setattr(read, "MOST_BYTES", 100_000)
    classroom = judged(reports.finish())
    assert states(classroom) == {"anna": MachineState.PASSED, "ben": MachineState.DAMAGED}
    assert "larger than 100000 bytes" in classroom.needing_help[0].reason


def test_one_machine_under_two_names_passes_under_neither(reports: Reports) -> None:
    reports.machine("cleo")
    for name in ("anna", "ben"):  # both lead to the same address
        reports.machine(name, made("vm"), hostname="vm")
    classroom = judged(reports.finish())
    assert states(classroom) == {
        "anna": MachineState.DISPUTED,
        "ben": MachineState.DISPUTED,
        "cleo": MachineState.PASSED,
    }
    assert "the same container as ben" in classroom.needing_help[0].reason


def test_report_changed_after_the_fetch_is_named(reports: Reports) -> None:
    directory = reports.machine("ben", made("ben", checks=[rooms.check("E01", "fail")]))
    report.write(made("ben", checks=[rooms.check("E01")]), str(directory / "report.json"))
    classroom = judged(reports.finish())
    assert states(classroom) == {"ben": MachineState.DAMAGED}
    assert "changed" in classroom.machines[0].reason


def test_failure_that_was_edited_away_contradicts_the_verdict(reports: Reports) -> None:
    directory = reports.machine("ben", made("ben", checks=[rooms.check("E01", "fail")]))
    file = directory / "report.json"
    file.write_text(file.read_text().replace('"verdict":"fail"', '"verdict":"pass"'))
    classroom = judged(reports.finish())
    assert states(classroom) == {"ben": MachineState.DAMAGED}
    assert "its verdict is not the one" in classroom.machines[0].reason


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "scratchlab-status-1"}'])
def test_damaged_status_file_is_named(reports: Reports, content: str) -> None:
    (reports.machine("ben") / "status.json").write_text(content)
    classroom = judged(reports.finish())
    assert states(classroom) == {"ben": MachineState.DAMAGED}
    assert "status.json" in classroom.machines[0].reason


def test_damaged_run_file_is_named_and_machines_are_still_judged(reports: Reports) -> None:
    reports.machine("anna")
    (reports.finish() / "run.json").write_text("{")
    classroom = judged(reports.directory)
    assert states(classroom) == {"anna": MachineState.PASSED}
    assert "run.json" in classroom.faults[0]


def test_report_of_another_machine_is_disputed_but_its_owner_is_not(reports: Reports) -> None:
    reports.machine("anna")
    reports.machine("ben", made("anna"))
    classroom = judged(reports.finish())
    assert states(classroom) == {"anna": MachineState.PASSED, "ben": MachineState.DISPUTED}
    assert "anna" in classroom.needing_help[0].reason


def test_both_machines_are_disputed_if_the_owner_is_unknown(reports: Reports) -> None:
    reports.machine("anna", made("debian"), hostname="")
    reports.machine("ben", made("debian"), hostname="")
    reports.machine("cleo")
    classroom = judged(reports.finish())
    assert states(classroom) == {
        "anna": MachineState.DISPUTED,
        "ben": MachineState.DISPUTED,
        "cleo": MachineState.PASSED,
    }


def test_two_machines_with_one_host_name_get_a_note(reports: Reports) -> None:
    for name in ("anna", "ben"):
        same_name = made("debian", container={"id": name})
        reports.machine(name, same_name, hostname="debian")
    classroom = judged(reports.finish())
    assert set(states(classroom).values()) == {MachineState.PASSED}
    assert all("have the host name debian" in machine.notes[0] for machine in classroom.machines)


def test_report_without_checks_does_not_pass(reports: Reports) -> None:
    reports.machine("ben", made("ben", checks=[]))
    assert states(judged(reports.finish())) == {"ben": MachineState.FAILED}


def test_skipped_check_beside_passed_checks_is_not_a_failure(reports: Reports) -> None:
    checks = [rooms.check("E12"), rooms.check("E13", "skip", "no controllers")]
    reports.machine("ben", made("ben", checks=checks))
    classroom = judged(reports.finish())
    assert states(classroom) == {"ben": MachineState.PASSED}
    assert classroom.machines[0].notes == ("not answered on this machine: E13",)


def test_skipped_check_alone_does_not_pass(reports: Reports) -> None:
    reports.machine("ben", made("ben", checks=[rooms.check("E01", "skip", "no container")]))
    classroom = judged(reports.finish())
    assert states(classroom) == {"ben": MachineState.FAILED}
    assert "no container" in classroom.machines[0].reason


def test_failed_check_is_the_reason_and_not_the_skipped_ones(
    reports: Reports,
) -> None:
    checks = [
        rooms.check("E01", "skip", "not run: E06 failed"),
        rooms.check("E06", "fail", "the container does not run: exited", "docker start sleep"),
        rooms.check("E07", "skip", "not run: E06 failed"),
    ]
    reports.machine("ben", made("ben", checks=checks))
    machine = judged(reports.finish()).machines[0]
    assert machine.reason == "E06: the container does not run: exited (2 more did not pass)"
    assert machine.help == "docker start sleep"


def test_nothing_of_a_missing_container_is_compared(reports: Reports) -> None:
    for name in ("anna", "cleo"):
        reports.machine(name)
    nothing = made(
        "ben",
        [],
        container={"id": ""},
        image={"ledger_digest": "sha256:" + "e3" * 32},
        runtime={"name": "", "version": ""},
        checks=[rooms.check("E06", "fail", "the container does not run: exited")],
    )
    reports.machine("ben", nothing)
    classroom = judged(reports.finish())
    assert all(facet.same for facet in classroom.facets)
    assert {len(facet.groups[0].hosts) for facet in classroom.facets[:2]} == {2}


def test_machine_with_fewer_checks_gets_a_note(reports: Reports) -> None:
    for name in ("anna", "cleo"):
        reports.machine(name)
    reports.machine("ben", made("ben", checks=[rooms.check("E01")]))
    classroom = judged(reports.finish())
    assert classroom.machines[2].notes == ("only 1 of 12 checks were run",)


def test_one_report_with_a_thousand_checks_adds_no_columns(reports: Reports) -> None:
    for name in ("anna", "cleo"):
        reports.machine(name)
    many = [rooms.check(f"X{number}") for number in range(1000)]
    reports.machine("ben", made("ben", checks=many))
    assert judged(reports.finish()).checks == tuple(rooms.CHECKS)


def test_slow_machine_is_named_and_passes(reports: Reports) -> None:
    for name in ("anna", "cleo", "dora"):
        reports.machine(name)
    reports.machine("ben", seconds=400.0)
    classroom = judged(reports.finish())
    assert classroom.needing_help == ()
    assert [machine.name for machine in classroom.machines if machine.slow] == ["ben"]
