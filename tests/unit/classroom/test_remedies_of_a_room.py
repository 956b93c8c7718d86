"""On the controller of a room every remedy reaches the machine that it is about, in every form."""

from __future__ import annotations

import html
import io
import json
import re
from pathlib import Path

import pytest
from tests import rooms
from tests.rooms import Reports, made

from scratchlab import remedy
from scratchlab.cli.classroom import build_classroom
from scratchlab.cli.report_page import write_report_page
from scratchlab.experiments.table import EXPERIMENTS, check_of_outcome
from scratchlab.experiments.table import ExperimentOutcome as Outcome
from scratchlab.labels import Names
from scratchlab.remedy import Reader
from scratchlab.render.terminal import classroom
from scratchlab.report.convert import check_section

AGAIN = (
    "./lab reset -i inventory/classroom.yml -l desk03 && ./lab -i inventory/classroom.yml -l desk03"
)
OLD = "docker diff sleep lists the changes; create the container again: ./lab reset && ./lab"


def tampered(*, old: bool) -> list[object]:
    """The checks of a machine that was tampered with, as this program writes them or an old one."""
    experiment = next(one for one in EXPERIMENTS if one.id == "E07")
    outcome = Outcome("/notes", fault="written", placeholders={"paths": "/notes"})
    written = dict(check_section(check_of_outcome(experiment, outcome, Names())))
    if old:
        del written["remedy"]
        written["help"] = OLD
    return [written if name == "E07" else rooms.check(name) for name in rooms.CHECKS]


@pytest.fixture(params=[False, True], ids=["new", "old"])
def reports(tmp_path: Path, request: pytest.FixtureRequest) -> Reports:
    reports = Reports(tmp_path / "reports")
    reports.machine("desk01")
    reports.machine("desk03", made("desk03", checks=tampered(old=request.param)))
    build_classroom(str(reports.finish()))
    return reports


def test_page_has_the_command_for_that_machine(reports: Reports) -> None:
    page = (reports.directory / "index.html").read_text("utf-8")
    commands = [html.unescape(text) for text in re.findall(r"<code>(.*?)</code>", page)]
    assert AGAIN in commands
    assert "./lab reset && ./lab" not in html.unescape(page)


def test_terminal_has_the_command_on_a_line_of_its_own(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "132")
    out = io.StringIO()
    classroom.render(build_classroom(str(reports.directory)), out)
    lines = [line.strip() for line in out.getvalue().splitlines()]
    assert AGAIN in lines
    assert any(line.startswith(("List the changes", "Docker diff")) for line in lines)
    assert "./lab reset && ./lab" not in out.getvalue()


@pytest.mark.parametrize("file", ["room.tap", "room.xml"])
def test_files_for_other_tools_have_it_in_their_line(reports: Reports, file: str) -> None:
    text = html.unescape((reports.directory / file).read_text("utf-8"))
    assert AGAIN in text
    assert "./lab reset && ./lab" not in text


def test_report_of_the_machine_says_what_is_typed_on_the_machine() -> None:
    (check,) = (one for one in tampered(old=False) if one["id"] == "E07")  # type: ignore[index]
    assert check["help"].endswith("create the container again: ./lab reset && ./lab")  # type: ignore[index]
    assert json.dumps(check)


def test_page_of_the_machine_is_read_on_the_controller_too(tmp_path: Path) -> None:
    report = made("desk03", checks=tampered(old=False))
    write_report_page(report, str(tmp_path / "own.html"))
    reader = Reader("desk03", ("inventory/classroom.yml",))
    write_report_page(report, str(tmp_path / "room.html"), None, reader)
    own, room = (
        html.unescape((tmp_path / name).read_text("utf-8")) for name in ("own.html", "room.html")
    )
    assert "<code>./lab reset && ./lab</code>" in own
    assert f"<code>{AGAIN}</code>" in room
    assert "./lab reset && ./lab" not in room
    assert "on desk03:" in room


def test_two_machines_with_the_same_trouble_get_one_command(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "reports")
    for name in ("desk03", "desk04"):
        reports.machine(name, made(name, checks=tampered(old=False)))
    built = build_classroom(str(reports.finish()))
    page = html.unescape((reports.directory / "index.html").read_text("utf-8"))
    assert "./lab reset -i inventory/classroom.yml -l desk03,desk04 && ./lab -i " in page
    assert "on desk03, desk04:" in page
    assert [machine.remedy for machine in built.machines] == [built.machines[0].remedy] * 2
    assert remedy.sentence(built.machines[1].remedy, built.machines[1].reader).endswith("desk04")


def test_engine_elsewhere_is_named_or_the_command_would_work_on_this_machine(
    tmp_path: Path,
) -> None:
    reports = Reports(tmp_path / "reports")
    reports.inventory = []
    reports.machine("localhost", made("localhost", checks=tampered(old=False)))
    run = reports.finish() / "run.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), "engine_url": "ssh://root@engine"}))
    (machine,) = build_classroom(str(reports.directory)).machines
    engine = "-e lab_engine_url=ssh://root@engine"
    assert machine.help.endswith(f"./lab reset {engine} && ./lab {engine}")
