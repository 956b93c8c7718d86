"""The pages of all machines of a run, made by one program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.rooms import made

from scratchlab.experiments.table import EXPERIMENTS, ExperimentOutcome, check_of_outcome
from scratchlab.labels import Names
from scratchlab.report import write
from scratchlab.report.convert import check_section

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def order(directory: Path, **more: Any) -> dict[str, Any]:
    """The order for the page of ``directory``, with a report in it."""
    directory.mkdir()
    experiment = next(one for one in EXPERIMENTS if one.id == "E07")
    outcome = ExperimentOutcome("/notes", fault="written", placeholders={"paths": "/notes"})
    failed = check_section(check_of_outcome(experiment, outcome, Names()))
    write(made(directory.name, checks=[failed]), str(directory / "report.json"))
    files = {"report": f"{directory}/report.json", "page": f"{directory}/index.html"}
    return {**files, "links": {}, "host": "", "inventories": [], "engine": "", **more}


def make(orders: list[dict[str, Any]]) -> dict[str, str]:
    """Make the pages; returns by path why one was not made, or nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "scratchlab.cli.pages"],
        input=json.dumps(orders),
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    reasons: dict[str, str] = json.loads(done.stdout)
    return reasons


def test_each_machine_gets_its_own_page(tmp_path: Path) -> None:
    links = {"../index.html": "The room"}
    orders = [
        order(tmp_path / name, host=name, inventories=["class.yml"], links=links)
        for name in ("desk1", "desk2", "desk3")
    ]
    assert make(orders) == {one["page"]: "" for one in orders}
    for name in ("desk1", "desk2", "desk3"):
        page = (tmp_path / name / "index.html").read_text()
        assert page.startswith("<!DOCTYPE html>")
        assert "The room" in page
        assert f"-i class.yml -l {name}" in page


def test_a_damaged_report_keeps_no_other_machine_from_its_page(tmp_path: Path) -> None:
    orders = [order(tmp_path / name) for name in ("desk1", "desk2", "desk3")]
    (tmp_path / "desk2" / "report.json").write_text('{"schema": ')
    reasons = [make(orders)[one["page"]] for one in orders]
    assert [bool(reason) for reason in reasons] == [False, True, False]
    assert "damaged report" in reasons[1]
    assert [Path(one["page"]).exists() for one in orders] == [True, False, True]


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    wrong = order(tmp_path / "desk1", page=str(tmp_path / "nothing" / "index.html"))
    assert "No such file" in make([wrong])[wrong["page"]]


def test_no_report_is_no_page() -> None:
    assert make([]) == {}
