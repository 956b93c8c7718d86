"""The table of a report on terminals with and without colour, narrow ones, and in a pipe."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.browser import reports

from scratchlab import render
from scratchlab.render.terminal import steps
from scratchlab.report import Report, write

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|4[0-7]|9[0-7])m")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "TERM")}

Screen = Callable[..., str]


def command(report: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "scratchlab", "report", str(report), *more]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "report.json"
    write(reports.troubled(), str(found))
    return found


@pytest.fixture
def screen(file: Path) -> Screen:
    """``screen(columns, TERM=...)``: the output on a terminal of that width."""

    def shown(columns: int, **environment: str) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        child = subprocess.Popen(
            command(file),
            stdout=theirs,
            stdin=subprocess.DEVNULL,
            env={**ENVIRONMENT, "PYTHONPATH": "scripts", **environment},
        )
        os.close(theirs)
        output = b""
        with os.fdopen(ours, "rb", buffering=0) as stream:
            try:
                while piece := stream.read(65536):
                    output += piece
            except OSError:  # EIO: the last writer has closed the terminal
                pass
        assert child.wait() == 1
        return output.decode().replace("\r\n", "\n")

    return shown


def widest(text: str) -> int:
    return max(len(line.rstrip()) for line in ESCAPE.sub("", text).split("\n"))


def piped(file: Path, **environment: str) -> str:
    done = subprocess.run(
        command(file),
        capture_output=True,
        check=False,
        env={**ENVIRONMENT, "PYTHONPATH": "scripts", **environment},
    )
    assert done.stderr == b""
    return done.stdout.decode()


def test_a_terminal_gets_colour_and_the_name_of_every_origin(screen: Screen) -> None:
    text = screen(120, TERM="xterm-256color")
    assert COLOUR.search(text)
    assert re.search(r"\x1b\[32m *sleep", text), "green: the image's own"
    plain = ESCAPE.sub("", text)
    for origin in {entry["origin"] for entry in reports.troubled().entries}:
        assert origin in plain


def test_no_color_is_respected(screen: Screen) -> None:
    assert not COLOUR.search(screen(120, TERM="xterm-256color", NO_COLOR="1"))


def test_a_pipe_gets_plain_text_of_one_width(file: Path) -> None:
    text = piped(file, TERM="xterm-256color")
    assert "\x1b" not in text
    assert text == piped(file, TERM="dumb", LINES="5")
    assert 90 < widest(text) <= 100
    assert widest(piped(file, COLUMNS="60")) <= 60


@pytest.mark.parametrize("columns", [30, 76, 200])
@pytest.mark.parametrize("terminal", ["xterm", "dumb"])
def test_a_table_fits_the_terminal(screen: Screen, columns: int, terminal: str) -> None:
    text = screen(columns, TERM=terminal)
    assert widest(text) <= min(columns, 132)
    if terminal == "dumb":
        assert "\x1b" not in text


def test_a_narrow_table_keeps_origins_and_differences(screen: Screen) -> None:
    text = screen(60, TERM="dumb")
    assert re.search(r"^  null +runtime-device$", re.sub(r" +\n", "\n", text), re.MULTILINE)
    assert "what proves it  " not in text
    assert "/opt/secret: nothing was predicted here" in text
    assert "/run.conf: size 18 -> 20, time" in text
    assert "help: docker diff sleep" in text


def test_the_last_line_agrees_with_the_exit_status(screen: Screen, tmp_path: Path) -> None:
    last = " ".join(screen(120, TERM="dumb").split())
    assert last.endswith(
        " 1 unexplained, 1 missing, 2 checks failed (E07, E12), 1 problem of the image archive: "
        "/lost (missing), /opt/secret (unexplained); also 2 written, 1 changed, 1 deleted since "
        "the start"
    )
    written = reports.report([reports.entry("/notes", "written-later", reports.side())])
    assert shown("table", written).splitlines()[-1] == (
        "1 written since the start, all explained: /notes (written)"
    ), "explained, but not part of the image"
    assert shown("table", reports.sleep()).splitlines()[-1] == "all explained, and as predicted"


@pytest.mark.parametrize("columns", ["30", "60", "120"])
def test_ladder_and_time_lapse_fit_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    head = reports.climbed().head
    ladder, timelapse = io.StringIO(), io.StringIO()
    steps.ladder(head["ladder"], ladder)
    steps.timelapse(head["timelapse"], timelapse)
    assert widest(ladder.getvalue()) <= int(columns)
    assert widest(timelapse.getvalue()) <= int(columns)
    assert "created --run" not in ladder.getvalue()
    assert ("created --run" in timelapse.getvalue()) == (columns == "120")
    if columns != "30":
        assert "apt-get" in ladder.getvalue(), "the remedy for a rung that is not installed"


def test_a_terminal_without_unicode_gets_ascii(file: Path) -> None:
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    text = piped(file, **old)
    assert text.isascii()
    assert "\\x" not in text
    assert "E07  fail" in text


def shown(form: str, report: Report) -> str:
    out = io.StringIO()
    render.report(form, report, out)
    return out.getvalue()


@pytest.mark.parametrize("form", ["table", "tap", "junit", "json"])
def test_texts_of_a_hostile_report_are_escaped(form: str) -> None:
    text = shown(form, reports.hostile())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\u2028\u2029\ud800]", text)


def test_a_name_with_a_newline_is_one_line() -> None:
    fake = "x\n/etc/hosts   image-layer"
    text = shown("table", reports.report([reports.entry(f"/{fake}", "kernel", reports.side())]))
    assert not re.search(r"^/etc/hosts", text, re.MULTILINE)


def test_junit_of_a_hostile_report_is_xml() -> None:
    found = ET.fromstring(shown("junit", reports.hostile()))
    assert "\\x1b[31m" in (found.find(".//failure").get("message") or "")  # type: ignore[union-attr]


DRIFTED = reports.report([reports.entry("/notes", "written-later", reports.side())])
LOST = reports.report([reports.entry("/lost", "unexplained", None, reports.side(layer=0))])
PROBLEM = reports.sleep(problems=["index.json lists no image"])
EXPLAINED, UNCHANGED = (
    "verify every entry has an origin and is as predicted",
    "verify nothing changed since the start",
)


@pytest.mark.parametrize(
    ("report", "explained", "unchanged"),
    [
        (reports.sleep(), True, True),
        (reports.sleep(notes=["no prediction: docker 99.1 is not known"]), True, True),
        (DRIFTED, True, False),
        (LOST, False, True),
        (PROBLEM, False, True),
        (reports.troubled(), False, False),
    ],
    ids=["sound", "noted", "drifted", "lost", "problem", "troubled"],
)
def test_tap_and_junit_hold_the_verdict_as_two_tests(
    report: Report, explained: bool, unchanged: bool
) -> None:
    tap = shown("tap", report).splitlines()
    checks = report.head["checks"]
    assert tap[1] == f"1..{len(checks) + 2}"
    for number, (title, passed) in enumerate(
        ((EXPLAINED, explained), (UNCHANGED, unchanged)), len(checks) + 1
    ):
        assert f"{'ok' if passed else 'not ok'} {number} - {title}" in tap
    found = ET.fromstring(shown("junit", report))
    cases = {case.get("name"): case.find("failure") for case in found.iter("testcase")}
    assert (cases[EXPLAINED] is None, cases[UNCHANGED] is None) == (explained, unchanged)
    failed = sum(check["verdict"] == "fail" for check in checks)
    suite = found.find("testsuite")
    assert suite is not None
    assert suite.get("tests") == str(len(checks) + 2)
    assert suite.get("failures") == str(failed + (not explained) + (not unchanged))
    sentence = report.head["verdict"]["sentence"]
    for case in (cases[EXPLAINED], cases[UNCHANGED]):
        assert case is None or case.get("message") == sentence
    assert sum(json.dumps(sentence)[1:-1] in line for line in tap) == 2 - explained - unchanged


def test_notes_and_problems_are_printed_with_their_names() -> None:
    note, problem = "layer 0: a leads out of the root: read as /a", "index.json lists no image"
    lines = shown("table", reports.sleep(notes=[note], problems=[problem])).splitlines()
    assert f"note: {note}" in lines
    assert f"problem: {problem}" in lines


@pytest.mark.parametrize(
    ("report", "colour"),
    [(reports.sleep(), "32"), (DRIFTED, "33"), (LOST, "31"), (PROBLEM, "31")],
)
def test_last_line_has_the_colour_of_the_verdict(
    monkeypatch: pytest.MonkeyPatch, report: Report, colour: str
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    render.report("table", report, out)
    last = out.getvalue().rstrip().splitlines()[-1]
    assert last.startswith(f"\x1b[1;{colour}m")
    assert report.head["verdict"]["sentence"] in ESCAPE.sub("", last)
