"""Each command that a document prints is run somewhere, or says why not."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.benchmarks.__main__ import PARTS
from tests.commands import classes, written

from reproduction.__main__ import parser as reproduction

ROOT = written.ROOT
CLASSES = classes.read(classes.FILE.read_text("utf-8"))


@pytest.mark.parametrize("one", CLASSES.run, ids=lambda one: one.command)
def test_what_is_run_is_what_is_printed(one: classes.Run) -> None:
    assert classes.left_out(one.command, one.lines) == []


def test_words_that_are_left_out_are_found() -> None:
    assert classes.left_out("scratchlab why NAME PATH", "scratchlab why db /etc") == []
    assert classes.left_out("scratchlab learn show [STEP]", "scratchlab learn status") == ["show"]
    assert classes.left_out("git clone URL a", "git clone --quiet x b") == ["a"]


def astray(one: classes.Elsewhere) -> str:
    """What is wrong with the place of a command that is run elsewhere; nothing if it is right."""
    try:
        paths = classes.paths(one.by)
    except KeyError:
        return f"there is no {one.by}"
    if not any(Path(one.file).is_relative_to(path) for path in paths):
        return f"{one.file} is not of {one.by}"
    if one.has not in (ROOT / one.file).read_text("utf-8"):
        return f"{one.file} does not have {one.has}"
    return ""


@pytest.mark.parametrize("one", CLASSES.elsewhere, ids=lambda one: one.command)
def test_what_is_run_elsewhere_is_there(one: classes.Elsewhere) -> None:
    assert astray(one) == ""


@pytest.mark.parametrize(
    ("by", "file", "has", "wrong"),
    [
        ("stage rooms", "lab", "x", "there is no stage rooms"),
        ("scenario defaults", "lab", "x", "there is no scenario defaults"),
        ("somebody", "lab", "x", "there is no somebody"),
        ("stage room", "tests/e2e/test_1_before.py", "def", "tests/e2e/test_1_before.py is not of"),
        ("ci", ".ci/run", "./lab tests", ".ci/run does not have ./lab tests"),
    ],
)
def test_what_is_not_there_is_found(by: str, file: str, has: str, wrong: str) -> None:
    assert astray(classes.Elsewhere("x", by, file, has)).startswith(wrong)


def fault(command: str) -> str:
    """What is wrong with a command that nothing runs; nothing if its parser takes it."""
    done = subprocess.run(["sh", "-nc", command], capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
    if words[:2] == ["./lab", "reproduce"]:
        try:
            reproduction().parse_args(words[2:])
        except SystemExit:
            return f"./lab reproduce does not take {words[2:]}"
    if words[0].endswith("/python"):
        _, _, module, *rest = words
        if importlib.util.find_spec(module) is None:
            return f"no module {module}"
        unknown = {*rest} - {*PARTS} if module == "tests.benchmarks" else set()
        return f"no benchmark {unknown}" if unknown else ""
    return ""


@pytest.mark.parametrize("one", CLASSES.syntax, ids=lambda one: one.command)
def test_what_nothing_runs_says_why_and_is_a_command(one: classes.Syntax) -> None:
    assert one.why
    assert fault(one.command) == ""


@pytest.mark.parametrize(
    "command",
    [
        "scratchlab verify 'a",
        "./lab reproduce --knd vm",
        "PYTHONPATH=scripts .cache/test-venv/bin/python -m tests.bench x",
        ".cache/test-venv/bin/python -m tests.benchmarks smal",
    ],
)
def test_a_command_that_its_parser_refuses_is_found(command: str) -> None:
    assert fault(command)


def test_blocks_transcripts_and_cells() -> None:
    text = (
        "```\na --x  # why\nsudo b \\\n  c\n\n# alone\n```\n"
        "```text\nnot this\n```\n"
        "```\n$ d 2 # two\none\n desk\ndesk01# e\n```\n"
        "| `scratchlab f NAME` | g `./lab h` | `sudo ./lab i` |\n"
    )
    assert list(written.commands("x.md", text)) == [
        written.Written("x.md", "a --x"),
        written.Written("x.md", "b    c"),
        written.Written("x.md", "d 2", ("one", " desk")),
        written.Written("x.md", "e"),
        written.Written("x.md", "scratchlab f NAME"),
        written.Written("x.md", "./lab i"),
    ]


def test_output_that_is_no_longer_printed_is_found() -> None:
    printed = "one 1,200 files\n  two\nthree\n"
    assert written.missing(["one 7 files", "...", "", "three"], printed) == []
    assert written.missing(["one 7", "files", "two three"], printed) == []
    assert written.missing(["three", "one 7 files"], printed) == ["one 7 files"]
    assert written.missing(["one 7 file"], printed) == ["one 7 file"]


def wrong_variables(playbook: str) -> list[str]:
    """The variables of roles in a playbook that their argument_specs do not have."""
    wrong = []
    for play in yaml.safe_load(playbook):
        for use in play.get("roles", []):
            role = use["role"].removeprefix("scratchlab.lab.")
            specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())
            known = specs["argument_specs"]["main"]["options"]
            wrong += [f"{role}: {name}" for name in use if name != "role" and name not in known]
    return wrong


def test_variables_in_playbooks_of_documents_exist() -> None:
    for name, text in written.playbooks():
        assert wrong_variables(text) == [], name


def test_a_variable_that_does_not_exist_is_found() -> None:
    text = "- hosts: all\n  roles: [{role: scratchlab.lab.golang, golang_metod: x}]\n"
    assert wrong_variables(text) == ["golang: golang_metod"]
