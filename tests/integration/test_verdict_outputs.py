"""One verdict in every output: containers and archives by what is wrong with them, each cell from a
real run. ``pytest -s`` prints the table.
"""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from scratchlab import evidence
from scratchlab.classroom.comparison import compare_machines
from scratchlab.classroom.read import differing_paths, read_reports
from scratchlab.classroom.results import MachineState
from scratchlab.cli.commands import scratchlab as command
from scratchlab.collect.image import read_archive
from scratchlab.evidence import EvidenceSet
from scratchlab.report import read
from tests.unit.image.archives import Made, classic

from .verdict_containers import (
    IMPLIED_DIRECTORY,
    PLAIN,
    Bench,
    bench,
    delete_file,
    leave_alone,
    multi_platform,
    scratchlab,
    several,
    unmount,
    write_file,
)

__all__ = ["bench"]
pytestmark = [pytest.mark.engine, pytest.mark.root]

EXPLAINED = "verify every entry has an origin and is as predicted"
UNCHANGED = "verify nothing changed since the start"
IMPLIED = "layer 1 has entries below /lab but none for it"
OTHER_PLATFORM = "the archive also contains the image for linux/s390x: linux/"


@dataclass(frozen=True)
class Case:
    """One kind of container, and what every output must show of it."""

    name: str
    status: int
    last: str  # beginning of the last line
    note: str = ""

    @property
    def word(self) -> str:
        return {0: "explained", 1: "failed", 3: "drifted"}[self.status]


CASES = [
    Case("sound", 0, "all explained, and as predicted"),
    Case("drifted", 3, "1 written since the start, all explained: /written (written)"),
    Case("deleted from", 3, "1 deleted since the start, all explained: /lab/file (deleted)"),
    Case("unexplained", 1, "1 unexplained: /planted (unexplained)"),
    Case("missing", 1, "1 missing: /proc/sys (missing)"),
    Case("changed while read", 3, "1 changed while read, all explained: /lab/file (changed while"),
    Case("all at once", 1, "1 unexplained, 1 missing: /planted (unexplained), /proc/sys (missing);"
                           " also 1 written, 1 deleted since the start"),
    Case("unknown engine", 0, "all explained; nothing was predicted", "no prediction: docker 99.1"),
    Case("multi-platform archive", 0, "all explained, and as predicted", OTHER_PLATFORM),
    Case("implied directory", 0, "all explained, and as predicted", IMPLIED),
]  # fmt: skip


@dataclass(frozen=True)
class Outputs:
    """What one case shows, by output."""

    statuses: dict[str, int]
    verdict: dict[str, Any]
    notes: list[str]
    tap: dict[str, bool]  # the two tests of the verification
    junit: dict[str, bool]
    junit_failures: int
    text: str  # of the table, spaces as one
    state: MachineState
    reason: str
    machine_notes: tuple[str, ...]


def shown(*arguments: str) -> tuple[int, str]:
    """Exit status and output of a command that needs no engine, without a process of its own."""
    out = io.StringIO()
    with redirect_stdout(out):
        status = command.main(list(arguments), standalone_mode=False)
    assert isinstance(status, int)
    return status, out.getvalue()


# -- outputs --------------------------------------------------------------------------------------


def verified(container: Container, directory: Path) -> int:
    """Verify with the command line; report and evidence lie in ``directory``. The exit status."""
    directory.mkdir()
    done = scratchlab(
        "verify", str(container.name), "--json", str(directory / "report.json"),
        "--save-evidence", str(directory / "evidence"),
    )  # fmt: skip
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode


def altered(
    source: Path, directory: Path, change: Callable[[EvidenceSet], EvidenceSet]
) -> dict[str, int]:
    """Save the evidence of ``source``, changed, in ``directory``, with the report of a replay."""
    directory.mkdir()
    with evidence.load(str(source / "evidence")) as loaded:
        change(loaded).save(str(directory / "evidence"))
    return {}


def unknown_engine(found: EvidenceSet) -> EvidenceSet:
    engine = replace(found.facts.engine, version="99.1")
    return replace(found, facts=replace(found.facts, engine=engine))


def changed_while_read(found: EvidenceSet) -> EvidenceSet:
    entry = found.live.get("/lab/file")
    assert entry is not None
    found.live.put(entry._replace(note="changed while read"))
    return found


def other_archive(data: Path, found: EvidenceSet) -> EvidenceSet:
    """The evidence as if the engine had saved this archive of the same image."""
    with data.open("rb") as stream:
        read_again = read_archive(stream)
    assert read_again.image.id == found.facts.image.id
    assert read_again.ledger.digest() == found.image.digest()
    return replace(
        found, image=read_again.ledger, facts=replace(found.facts, image=read_again.image)
    )


def outputs(directory: Path, **statuses: int) -> Outputs:
    """All outputs of the evidence in ``directory``, and of its report."""
    report, saved = directory / "report.json", directory / "evidence"
    done = scratchlab("replay", str(saved), "--json", str(directory / "again.json"))
    statuses["replay"] = done.returncode
    if report.exists():
        assert json.loads(report.read_text()) == json.loads((directory / "again.json").read_text())
    else:
        report.write_bytes((directory / "again.json").read_bytes())
    text = " ".join(done.stdout.split())
    statuses["report tap"], tap = shown("report", str(report), "--format", "tap")
    statuses["report junit"], junit = shown("report", str(report), "--format", "junit")
    page = str(directory / "index.html")
    statuses["page"], _ = shown("report", str(report), "--html", page)
    suite = ET.fromstring(junit).find("testsuite")
    assert suite is not None
    cases = {case.get("name"): case.find("failure") is None for case in suite.iter("testcase")}
    head = read(str(report)).head
    assert f"<b>{head['verdict']['sentence'][:12].capitalize()}" in (
        directory / "index.html"
    ).read_text("utf-8")
    room = directory / "room"
    (room / "machine").mkdir(parents=True)
    (room / "machine" / "report.json").write_bytes(report.read_bytes())
    classroom = compare_machines(read_reports(str(room)), partial(differing_paths, str(room)))
    (machine,) = classroom.machines
    assert machine.summary is not None
    statuses["class"] = machine.summary.status
    return Outputs(
        statuses=statuses,
        verdict=dict(head["verdict"]),
        notes=head["notes"],
        tap={title: f"\nok {number} - {title}\n" in tap for title, number in (
            (EXPLAINED, len(head["checks"]) + 1), (UNCHANGED, len(head["checks"]) + 2))},
        junit={title: cases[title] for title in (EXPLAINED, UNCHANGED)},
        junit_failures=int(suite.get("failures") or 0),
        text=text,
        state=machine.state,
        reason=machine.reason,
        machine_notes=machine.notes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def table(bench: Bench) -> dict[str, Outputs]:
    """Every case's outputs."""
    bench.load(PLAIN)
    bench.load(IMPLIED_DIRECTORY)
    several_archives = bench.directory / "archive.tar"
    several_archives.write_bytes(multi_platform())
    found: dict[str, Outputs] = {}

    def run(
        case: str, change: Callable[[Container], None], of: Made = PLAIN, *, planted: bool = False
    ) -> Path:
        directory = bench.directory / case
        container = bench.container(of, planted=planted)
        change(container)
        status = verified(container, directory)
        container.kill()
        found[case] = outputs(directory, verify=status)
        return directory

    # A file that was planted in the image's layer stays there: these come last.
    sound = run("sound", leave_alone)
    run("drifted", write_file)
    run("deleted from", delete_file)
    run("missing", unmount)
    run("implied directory", leave_alone, IMPLIED_DIRECTORY)
    run("unexplained", leave_alone, planted=True)
    run("all at once", several)
    for case, edit in (
        ("unknown engine", unknown_engine),
        ("changed while read", changed_while_read),
        ("multi-platform archive", partial(other_archive, several_archives)),
    ):
        altered(sound, bench.directory / case, edit)
        found[case] = outputs(bench.directory / case)
    show(found)
    return found


def show(found: dict[str, Outputs]) -> None:
    """Print the table (``pytest -s``)."""
    columns = ("case", "exit", "JSON", "TAP", "JUnit", "class", "last line")
    rows = [columns]
    for case in CASES:
        cells = found[case.name]
        bad = [name for name, title in (("explained", EXPLAINED), ("unchanged", UNCHANGED))
               if not cells.tap[title]]  # fmt: skip
        rows.append((
            case.name, "/".join(map(str, sorted(set(cells.statuses.values())))),
            str(cells.verdict["word"]), f"not ok: {', '.join(bad)}" if bad else "ok",
            f"failures={cells.junit_failures}", str(cells.state),
            str(cells.verdict["sentence"]) + (" (with a note)" if cells.notes else ""),
        ))  # fmt: skip
    widths = [max(len(row[at]) for row in rows) for at in range(len(columns))]
    print()
    for row in rows:
        print("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |")


each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each_case
def test_every_output_has_the_same_verdict(case: Case, table: dict[str, Outputs]) -> None:
    found = table[case.name]
    assert set(found.statuses.values()) == {case.status}, found.statuses
    assert found.verdict["status"] == case.status
    assert found.verdict["word"] == case.word
    assert found.verdict["sentence"].startswith(case.last)
    assert found.text.endswith(f" {found.verdict['sentence']}"), "the last line"
    counts = found.verdict["counts"]
    faults = sum(counts[key] for key in ("unexplained", "missing", "contradictions", "problems"))
    drift = sum(counts[key] for key in ("written", "mounted", "changed", "deleted", "unstable"))
    expected = {EXPLAINED: faults == 0, UNCHANGED: drift == 0}
    assert found.tap == expected
    assert found.junit == expected
    assert found.junit_failures == len([1 for passed in expected.values() if not passed])
    assert (case.status == 0) is all(expected.values())
    assert (case.status == 3) is (expected == {EXPLAINED: True, UNCHANGED: False})
    assert found.state is (MachineState.FAILED if case.status else MachineState.PASSED)
    assert found.reason == (found.verdict["sentence"] if case.status else "")


@each_case
def test_note_is_shown_and_does_not_change_the_verdict(
    case: Case, table: dict[str, Outputs]
) -> None:
    found = table[case.name]
    assert [case.note] * len(found.notes) == [note[: len(case.note)] for note in found.notes], (
        "each begins so"
    )
    assert bool(found.notes) is bool(case.note)
    for note in found.notes:
        assert f"note: {note}" in found.text
        assert note in found.machine_notes


@pytest.mark.parametrize(
    ("data", "note"),
    [(multi_platform(), OTHER_PLATFORM), (classic(IMPLIED_DIRECTORY), IMPLIED)],
    ids=["multi-platform archive", "implied directory"],
)
def test_image_lists_an_odd_archive_with_a_note(data: bytes, note: str, tmp_path: Path) -> None:
    file_ = tmp_path / "archive.tar"
    file_.write_bytes(data)
    done = scratchlab("image", str(file_))
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].startswith(f"scratchlab: note: {note}")
    assert "/lab/file" in done.stdout
    file_.write_bytes(data[: data.rstrip(b"\0").__len__()])
    done = scratchlab("image", str(file_))
    assert done.returncode == 1, "a contradiction is a problem"
    assert done.stderr.splitlines()[-1].startswith("scratchlab: the archive ends without")
