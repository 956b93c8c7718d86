"""A remedy names its commands as they are typed where it is read, and no other text names ./lab."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scratchlab.experiments.table import EXPERIMENTS
from scratchlab.remedy import (
    HERE,
    NOTHING,
    Command,
    Place,
    Reader,
    Remedy,
    ShownCommand,
    Step,
    advise,
    harmless,
    lab,
    of_section,
    section,
    sentence,
    shown,
)
from scratchlab.report.remedies import remedy_of

PROGRAM = Path(__file__).resolve().parents[2] / "scripts" / "scratchlab"
ROOM = Reader("desk03", ("inventory/classroom.yml",))
TAMPERED = Remedy(
    (
        Step("List the changes", (Command("docker diff sleep"),)),
        Step("then create the container again", lab("reset", "")),
    )
)


def test_machine_reads_its_own_commands() -> None:
    assert sentence(TAMPERED) == (
        "List the changes: docker diff sleep; then create the container again: ./lab reset && ./lab"
    )
    first, second = shown(TAMPERED)
    assert first.commands == (ShownCommand("docker diff sleep"),)
    assert second.text == "Then create the container again"
    assert second.commands == (ShownCommand("./lab reset && ./lab"),)


def test_room_reads_inventory_and_machine_and_where_a_command_is_typed() -> None:
    first, second = shown(TAMPERED, ROOM)
    assert first.commands == (ShownCommand("docker diff sleep", "on desk03"),)
    assert second.commands == (
        ShownCommand(
            "./lab reset -i inventory/classroom.yml -l desk03"
            " && ./lab -i inventory/classroom.yml -l desk03"
        ),
    )
    assert sentence(TAMPERED, ROOM) == (
        "List the changes, on desk03: docker diff sleep; then create the container again: "
        "./lab reset -i inventory/classroom.yml -l desk03"
        " && ./lab -i inventory/classroom.yml -l desk03"
    )


def test_machines_that_pull_their_own_work_run_the_lab_themselves() -> None:
    (step,) = shown(advise("Run it again", *lab("")), Reader("desk03"))
    assert step.commands == (ShownCommand("./lab", "on desk03, in the lab's directory"),)


@pytest.mark.parametrize(
    ("call", "reader", "expected"),
    [
        ("--tags E13", HERE, "./lab --tags E13"),
        ("--tags E13", ROOM, "./lab -i inventory/classroom.yml -l desk03 --tags E13"),
        ("reset", Reader("a b", ("my room", "two")), "./lab reset -i 'my room' -i two -l 'a b'"),
        ("-e lab_patience=4", ROOM, "./lab -i inventory/classroom.yml -l desk03 -e lab_patience=4"),
        ("", Reader("a,b", ("x.yml",)), "./lab -i x.yml -l a,b"),
        ("reset", Reader(engine="ssh://root@e"), "./lab reset -e lab_engine_url=ssh://root@e"),
        (
            "--tags E13",
            Reader("a", ("x.yml",), "tcp://e:2376"),
            "./lab -i x.yml -l a -e lab_engine_url=tcp://e:2376 --tags E13",
        ),
    ],
)  # fmt: skip
def test_options_follow_inventory_and_machine(call: str, reader: Reader, expected: str) -> None:
    (step,) = shown(advise("", *lab(call)), reader)
    assert [command.text for command in step.commands] == [expected]


def test_nothing_is_no_remedy() -> None:
    assert not NOTHING
    assert advise("") == NOTHING
    assert sentence(NOTHING) == ""
    assert sentence(advise("Ask somebody.")) == "Ask somebody."


def test_report_brings_a_remedy_as_data_and_back() -> None:
    login = Step("log in", (Command("ssh desk03", Place.CONTROLLER),))
    whole = Remedy((*TAMPERED.steps, login))
    assert of_section(json.loads(json.dumps(section(whole)))) == whole


def check(**texts: Any) -> Any:
    return {"id": "E01", "help": "", **texts}


@pytest.mark.parametrize(
    ("command", "place", "may"),
    [
        ("reset", "lab", True),
        ("", "lab", True),
        ("--tags E13,verify", "lab", True),
        ("-e lab_patience=16", "lab", True),
        ("reset; rm -rf ~", "lab", False),
        ("destroy", "lab", False),
        ("-e @/etc/shadow", "lab", False),
        ("ssh root@attacker", "controller", False),
        ("rm -rf /", "machine", True),
    ],
)
def test_forged_command_for_the_controller_is_only_a_text(
    command: str, place: str, may: bool
) -> None:
    assert harmless(Command(command, Place(place))) is may
    forged = check(remedy=[{"text": "Do this", "commands": [{"place": place, "command": command}]}])
    (step,) = shown(remedy_of(forged), ROOM)
    if not may:
        assert step.commands == ()
        assert step.text == f"Do this: {command}"
    elif place == "machine":
        assert step.commands == (ShownCommand(command, "on desk03"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Create the container again: ./lab reset && ./lab",
            "Create the container again: ./lab reset -i r.yml -l d && ./lab -i r.yml -l d",
        ),
        (
            "Build it: ./lab, or by hand: docker build -t x .",
            "Build it: ./lab -i r.yml -l d; or by hand: docker build -t x .",
        ),
        (
            "give it longer: ./lab -e lab_patience=4, or scratchlab --patience 4",
            "give it longer: ./lab -i r.yml -l d -e lab_patience=4; or scratchlab --patience 4",
        ),
        ("Build it: ./lab --tags build", "Build it: ./lab -i r.yml -l d --tags build"),
        ("docker start sleep", "docker start sleep"),
        ("", ""),
    ],
)
def test_sentence_of_an_older_program_reaches_the_machine_too(text: str, expected: str) -> None:
    assert sentence(remedy_of(check(help=text)), Reader("d", ("r.yml",))) == expected


# A command with its arguments inside a sentence; a name in `...` is one that a text explains.
IN_A_SENTENCE = re.compile(r"(?<!`)\b(docker|scratchlab) (?!run;|as root)[a-z]+ [-$A-Z{]")


def test_every_remedy_of_the_table_names_the_machine_in_a_room() -> None:
    """No command of ./lab without inventory and machine, and no command inside a sentence."""
    count = 0
    for experiment in EXPERIMENTS:
        for explanation in (*experiment.fault.values(), *experiment.skip.values()):
            for step in shown(explanation.remedy, ROOM):
                for call in step.commands:
                    if "./lab" in call.text:
                        parts = call.text.split(" && ")
                        assert all("-i inventory/classroom.yml -l desk03" in p for p in parts)
                        assert not call.where
                        count += 1
                    else:
                        assert call.where == "on desk03"
                assert "./lab" not in step.text
                assert not IN_A_SENTENCE.search(step.text), step.text
    assert count > 15


def texts_of_python(path: Path) -> Iterator[str]:
    """The strings of a module that a person may read: all but docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in documentation:
            yield text


def texts_of_toml(value: Any) -> Iterator[str]:
    """Every string in a table, whatever its depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_of_toml(part)


# What else may name it: what renders remedies and reads old ones, and the help of options, which
# says what ./lab does and not what to type.
NAME_IT = {
    "remedy.py": {"./lab"},
    "report/remedies.py": None,
    "cli/course.py": {"Where the grading is kept until ./lab fetches it. Default as root: "},
    "cli/experiments.py": {"The image's program, where ./lab built it"},
    # The command that the reader has just typed.
    "watch/inventory.py": {
        " is a template: write its value for ./lab watch",
        "./lab watch knows no connection ",
    },
}


def test_no_text_names_the_command_itself() -> None:
    found: dict[str, list[str]] = {}
    for path in PROGRAM.rglob("*"):
        name = str(path.relative_to(PROGRAM))
        if path.suffix == ".py":
            texts = list(texts_of_python(path))
        elif path.suffix == ".toml":
            texts = list(texts_of_toml(tomllib.loads(path.read_text("utf-8"))))
        elif path.suffix in (".j2", ".js"):
            texts = path.read_text("utf-8").splitlines()
        else:
            continue
        allowed = NAME_IT.get(name, set())
        bad = [text for text in texts if "./lab" in text and allowed is not None]
        found[name] = [text for text in bad if text not in (allowed or ())]
    assert len(found) > 200, "the program is there"
    assert {name: texts for name, texts in found.items() if texts} == {}
