"""Reports that cover different parts of the user's data are compared only in what both cover."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests import rooms
from tests.rooms import Reports, entry, made

from scratchlab.classroom.comparison import compare_machines
from scratchlab.classroom.read import differing_paths, read_reports


def test_reports_that_cover_less_are_not_compared_in_what_the_container_sees(
    tmp_path: Path,
) -> None:
    reports = Reports(tmp_path / "reports")
    for name in ("anna", "ben"):
        reports.machine(name)
    rows = [*rooms.tree(), entry("/data/it", "file", "user-data")]
    covers = {"ledger_covers": "everything but the user's data"}
    reports.machine("cleo", made("cleo", rows, container=covers))
    directory = str(reports.finish())
    classroom = compare_machines(read_reports(directory), partial(differing_paths, directory))
    facet = next(f for f in classroom.facets if f.title.startswith("what the container sees"))
    assert [group.hosts for group in facet.groups] == [("anna", "ben")]
    (cleo,) = (result for result in classroom.machines if result.name == "cleo")
    assert (
        "what its container sees is not compared: its report covers everything but the user's data,"
        " most cover everything"
    ) in cleo.notes
