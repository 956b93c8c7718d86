"""Two reports compared: what is the same, what differs and by whom, what is a host's own."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import entry, made, tree

from machines import lifecycle
from machines.model import MachineError
from reproduction import __main__ as command
from reproduction.compare import compare
from reproduction.page import page
from scratchlab import report

NAMES = ("fresh1", "fresh2")


def test_two_hosts_with_the_same_content_give_the_same_answer() -> None:
    found = compare(NAMES, made("fresh1"), made("fresh2"))
    assert found.same
    assert found.differences == ()
    assert found.sentence == "fresh1 and fresh2 give the same answer, byte for byte"


def test_what_is_a_hosts_own_is_listed_and_does_not_count() -> None:
    found = compare(NAMES, made("fresh1"), made("fresh2", container={"pid": 7}))
    own = {value.place: (value.one, value.other) for value in found.own}
    assert own["host.name"] == NAMES
    assert own["container.pid"] == ("4242", "7")
    assert found.same


def test_one_bit_of_one_entry_is_found_and_named() -> None:
    other = tree()
    changed = next(one for one in other if one["path"] == "/etc")
    changed["live"] = {**changed["live"], "mode": "0777"}
    found = compare(NAMES, made("fresh1"), made("fresh2", other))
    assert not found.same
    assert "entries[/etc].live.mode" in {value.place for value in found.differences}


def test_a_difference_of_the_engine_is_told_with_both_versions() -> None:
    more = [*tree(), entry("/zz", "file", "engine-init-layer")]
    found = compare(NAMES, made("a"), made("b", more, engine={"version": "26.1.5"}))
    (value,) = (one for one in found.differences if one.place == "entries[/zz]")
    assert value.one is None
    assert value.by == "made by the engine: engine version 20.10.24 and 26.1.5"
    assert "versions that differ: engine version" in found.sentence


def test_a_difference_without_another_version_is_told_as_such() -> None:
    found = compare(NAMES, made("a"), made("b", [*tree(), entry("/zz", "file", "runtime-mask")]))
    (value,) = (one for one in found.differences if one.place == "entries[/zz]")
    assert value.by == "made by the runtime, whose version is the same"
    assert found.sentence.endswith("; no version differs")


def test_another_content_of_the_image_is_not_the_same_answer() -> None:
    found = compare(NAMES, made("a"), made("b", image={"ledger_digest": "sha256:" + "cd" * 32}))
    assert not found.same
    assert found.ledgers[0] != found.ledgers[1]


def test_order_of_named_items_does_not_hide_a_difference() -> None:
    one, other = copy.deepcopy(tree()), copy.deepcopy(tree())
    other.remove(next(item for item in other if item["path"] == "/etc/mtab"))
    found = compare(NAMES, made("a", one), made("b", other))
    places = [value.place for value in found.differences]
    assert places == ["entries[/etc/mtab]"]


class Balanced(HTMLParser):
    """Raises AssertionError where a tag is not closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        if tag not in ("meta", "link", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_page_shows_hostile_names_as_text() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m"
    found = compare((hostile, "b"), made(hostile), made("b", engine={"version": hostile}))
    run = {"machine": hostile, "report": hostile, "verdict": hostile}
    text = page(found, [run, run], f"./lab reproduce --against {hostile}")
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "Not the same answer" not in text
    assert found.same


def test_json_holds_everything(tmp_path: Path) -> None:
    found = compare(NAMES, made("a"), made("b", [*tree(), entry("/zz", "file", "kernel")]))
    file = tmp_path / "it.json"
    file.write_text(json.dumps(found.as_json()))
    content = json.loads(file.read_text())
    assert content["same"] is False
    assert len(content["differences"]) == len(found.differences) > 0


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The lab as if it ran, without machines: reports are those of tests/rooms.py."""
    output = tmp_path / "out"

    def run_lab(hosts: Path, directory: Path, _extra: Any) -> int:
        for name in NAMES:
            file = directory / "reports" / name / "report.json"
            file.parent.mkdir(parents=True)
            report.write(made(name), str(file))
        return 0

    monkeypatch.setattr(command, "run_lab", run_lab)
    monkeypatch.setattr(lifecycle, "up", lambda *_: None)
    monkeypatch.setattr(lifecycle, "down", lambda *_: None)
    monkeypatch.setattr(lifecycle, "hosts", lambda *_: {"fresh1": {}, "fresh2": {}})
    return output


def test_against_an_older_report(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older = fresh.with_name("older.json")
    report.write(made("last-year", engine={"version": "19.03"}), str(older))
    assert command.main(["--kind=container", f"--output={fresh}", f"--against={older}"]) == 0
    assert "same answer, byte for byte" in capsys.readouterr().out
    content = json.loads((fresh / "reproduction.json").read_text())
    assert {"place": "engine version", "one": "19.03", "other": "20.10.24", "by": ""} in content[
        "versions"
    ]


def test_versions_that_differ_are_printed_with_a_difference(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = fresh.with_name("older.json")
    image = {"ledger_digest": "sha256:" + "cd" * 32}
    report.write(made("last-year", engine={"version": "19.03"}, image=image), str(older))
    assert command.main(["--kind=container", f"--output={fresh}", f"--against={older}"]) == 1
    assert "  engine version: 19.03 and 20.10.24\n" in capsys.readouterr().out


def test_report_that_the_run_would_replace_is_refused(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = fresh / "reports" / "fresh1" / "report.json"
    older.parent.mkdir(parents=True)
    report.write(made("mine"), str(older))
    assert command.main(["--kind=container", f"--output={fresh}", f"--against={older}"]) == 2
    assert "copy it first" in capsys.readouterr().err
    assert older.exists()


def test_failed_checks_are_no_success_though_they_are_the_same(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = [entry("/what", "file", "unexplained"), *tree()]

    def run_lab(hosts: Path, directory: Path, _extra: Any) -> int:
        for name in NAMES:
            file = directory / "reports" / name / "report.json"
            file.parent.mkdir(parents=True)
            report.write(made(name, sorted(failed, key=lambda one: one["path"])), str(file))
        return 2

    monkeypatch.setattr(command, "run_lab", run_lab)
    assert command.main(["--kind=container", f"--output={fresh}"]) == 1
    assert "same answer, byte for byte" in capsys.readouterr().out


def test_machine_that_is_not_made_is_one_line(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def up(*_: Any) -> None:
        raise MachineError("no", "yes")

    monkeypatch.setattr(lifecycle, "up", up)
    assert command.main(["--kind=container", f"--output={fresh}"]) == 2
    assert capsys.readouterr().err == "lab: no -- yes\n"


def test_report_that_cannot_be_read_is_refused_before_anything_is_made(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--kind=container", f"--output={fresh}", "--against=/nowhere.json"]) == 2
    assert "cannot read /nowhere.json" in capsys.readouterr().err
    assert not (fresh / "machines.yml").exists()
