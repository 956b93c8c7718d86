"""Every error is one line on stderr, and the exit status is 2."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from scratchlab import __version__
from scratchlab.__main__ import main
from scratchlab.cli import commands
from scratchlab.errors import LabError


def scratchlab(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scratchlab", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "scripts", **options.get("env", {})},  # type: ignore[dict-item]
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )


def test_the_version_is_that_of_the_package() -> None:
    # A checkout names its commit, too.
    assert re.match(rf"scratchlab {re.escape(__version__)}( \(|\n)", scratchlab("--version").stdout)


def test_help_names_every_command() -> None:
    text = scratchlab("--help").stdout
    for command in ("verify", "why", "image", "live", "replay", "report", "experiments"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE), command


@pytest.mark.parametrize("command", ["verify", "why", "image", "live", "replay", "report"])
def test_each_command_has_help_and_requires_its_argument(
    command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    assert capfd.readouterr().out.startswith(f"Usage: scratchlab {command} ")
    assert main([command]) == 2
    output, message = capfd.readouterr()
    assert output == ""
    assert message.startswith("scratchlab: Missing argument")
    assert message.endswith(f"see: scratchlab {command} --help\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["verify", "--frobnicate", "x"],
        ["verify", "x", "--all"],
        ["verify", "--engine", "lxc", "x"],
        ["verify", "--format", "xml", "x"],
        ["verify", "--vantage", "moon", "x"],
        ["verify", "--json"],
        ["image", "--format", "tap", "x"],
        ["replay", "/no/such/directory"],
        ["report", "/no/such/report.json"],
        ["image", "/no/such/archive.tar"],
        ["image", "/"],
        ["image", "-"],
        ["image", "/dev/null"],
        ["image", "--reference", "x", "y"],
        ["verify", "--url", "unix:///no/such/socket", "x"],
        ["live", "--url", "unix:///no/such/socket", "x"],
        ["why", "--url", "unix:///no/such/socket", "x", "/etc"],
        ["verify", "--vantage", "debug", "x"],
        ["verify", "bad\nname\x1b[31m"],
        ["replay", "bad\nname\x1b[31m\udcff"],
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    output, message = capfd.readouterr()
    assert output == ""
    assert re.fullmatch(r"scratchlab: [^\n]+\n", message), message
    assert "\x1b" not in message
    assert "Traceback" not in message


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make ``scratchlab oops`` raise the given exception."""

    def install(error: BaseException) -> None:
        @click.command()
        def oops() -> None:
            raise error

        monkeypatch.setitem(commands.scratchlab.commands, "oops", oops)

    return install


Capture = pytest.CaptureFixture[str]


def test_an_error_of_the_lab_is_one_escaped_line(
    command: Callable[[BaseException], None], capsys: Capture
) -> None:
    command(LabError("no \x1b[31m\nsuch \udcff \u202e thing", "do this"))
    assert main(["oops"]) == 2
    assert capsys.readouterr().err == (
        "scratchlab: no \\x1b[31m such \\xff \\u202e thing; do this\n"
    )


def test_an_unexpected_error_names_the_way_to_its_traceback(
    command: Callable[[BaseException], None], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCRATCHLAB_DEBUG", raising=False)
    command(ZeroDivisionError("by \x1b zero"))
    assert main(["oops"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("scratchlab: unexpected error (ZeroDivisionError: by ")
    assert message.endswith("run again with SCRATCHLAB_DEBUG=1 to see the traceback\n")
    assert message.count("\n") == 1


def test_a_traceback_is_printed_on_request(
    command: Callable[[BaseException], None], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRATCHLAB_DEBUG", "1")
    command(ZeroDivisionError())
    assert main(["oops"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_ends_quietly(command: Callable[[BaseException], None], capsys: Capture) -> None:
    command(KeyboardInterrupt())
    assert main(["oops"]) == 130
    assert capsys.readouterr().err.strip() == ""


def test_no_arguments_print_the_help() -> None:
    done = scratchlab()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Commands:" in done.stderr


def test_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "scratchlab", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": "scripts"},
            cwd=Path(__file__).parents[2],
        )
    assert done.returncode == 2
    assert done.stderr == (
        "scratchlab: system error: No space left on device;"
        " run again with SCRATCHLAB_DEBUG=1 to see the traceback\n"
    )


def test_a_closed_pipe_is_not_an_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "scratchlab", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "scripts"},
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(30) == 128 + signal.SIGPIPE


def test_a_full_temporary_directory_is_named(
    command: Callable[[BaseException], None], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(sqlite3.connect("")) as database:
        database.execute("PRAGMA max_page_count=1")
        with pytest.raises(sqlite3.OperationalError) as full:
            database.execute("CREATE TABLE t (v)")
    command(full.value)
    monkeypatch.delenv("SQLITE_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/")
    assert main(["oops"]) == 2
    assert capsys.readouterr().err == (
        "scratchlab: no space left for temporary files in /; free some there,"
        " or set TMPDIR to a directory with more\n"
    )
