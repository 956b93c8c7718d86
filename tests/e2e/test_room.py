"""A room of six by one command: who has trouble is named with the reason, and nobody else is.

Six system containers from packages alone: two releases of Debian with an engine each, one machine
switched off, one whose line is cut in the middle, one whose container is stopped, one that is
tampered with. Takes a quarter of an hour: ``./lab test --all``, or ``./lab test room``.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from tests.e2e import door
from tests.machines import container, room

DESKS = {
    "desk01": "bookworm",
    "desk02": "trixie",
    "desk03": "bookworm",
    "desk04": "bookworm",
    "desk05": "bookworm",
    "desk06": "bookworm",
}
OFF, CUT = "desk05", "desk06"
STOPPED, TAMPERED, FORGER = "desk03", "desk04", "desk02"
REPORTS = door.ROOT / "reports"
INVENTORY = door.ROOT / ".cache" / "room-e2e"
PROGRAM = "/usr/local/bin/scratchlab"
GRADED = "/var/lib/scratchlab/quiz/graded.json"


def machine(name: str) -> str:
    return f"{room.PREFIX}-{name}"


@pytest.fixture(scope="module", autouse=True)
def inventory() -> Iterator[Path]:
    """The machines, one of them switched off, and the file that a person would write for them."""
    for name, suite in DESKS.items():
        container.up(machine(name), suite, name)
    container.docker("stop", machine(OFF))
    try:
        yield room.inventory(INVENTORY, {name: room.host(machine(name)) for name in DESKS})
    finally:
        container.down(*map(machine, DESKS))


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    verb = [arguments[0]] if arguments and not arguments[0].startswith("-") else []
    return door.lab(*verb, "-i", str(INVENTORY / "class.yml"), *arguments[len(verb) :])


def there(name: str, *command: str) -> str:
    return container.docker("exec", machine(name), *command)


def gradebook() -> dict[str, dict[str, str]]:
    """The room as an instructor's spreadsheet has it, by machine."""
    rows = csv.DictReader((REPORTS / "room.csv").read_text().splitlines())
    return {row["machine"]: row for row in rows}


def states() -> dict[str, str]:
    return {name: row["state"] for name, row in gradebook().items()}


def help_wanted() -> dict[str, str]:
    """Who needs help, as the page has it: names, and what is said of them."""
    page = (REPORTS / "index.html").read_text("utf-8")
    found = {}
    for article in re.findall(r"<article.*?</article>", page, re.S):
        heading, _, words = article.partition("</h3>")
        for name in re.findall(r">([^<>]+)</a>", heading):
            found[unescape(name)] = " ".join(unescape(re.sub("<[^>]*>", " ", words)).split())
    return found


def differences() -> str:
    """What the page says under "What differs", as text."""
    page = (REPORTS / "index.html").read_text("utf-8")
    section = re.search(r'<section id="differences".*?</section>', page, re.S)
    return " ".join(unescape(re.sub("<[^>]*>", " ", section[0] if section else "")).split())


def nobody_is_falsified(*names: str) -> None:
    """Each of these passed every check that its own report holds, and its report is its own."""
    book = gradebook()
    for name in names:
        report = json.loads((REPORTS / name / "report.json").read_text())
        verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
        assert list(verdicts) == door.EXPERIMENTS
        assert set(verdicts.values()) <= {"pass", "skip"}
        assert report["host"]["name"] == name
        assert {key: book[name][key] for key in verdicts} == verdicts
        assert (book[name]["state"], book[name]["reason"]) == ("passed", "")


def test_before_class_the_machine_that_is_off_is_named() -> None:
    done = lab("check")
    assert done.returncode != 0
    ready = [
        name for name in DESKS if re.search(rf"^{name} +yes( +yes){{6}} *$", done.stdout, re.M)
    ]
    assert ready == [name for name in DESKS if name != OFF], done.stdout
    assert re.search(rf"^{OFF} +NO *$", done.stdout, re.M)
    assert "5 of 6 machines are ready" in done.stdout


def test_one_command_and_a_line_that_is_cut_in_the_middle_stops_nobody() -> None:
    command = ["./lab", "-i", str(INVENTORY / "class.yml")]
    said: list[str] = []
    cut = False
    with subprocess.Popen(
        command,
        cwd=door.ROOT,
        env=door.environment({"PYTHONUNBUFFERED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.startswith("TASK [scratchlab.lab.docker_host : Install") and not cut:
                time.sleep(
                    4
                )  # in the middle of its packages: the machine goes on, the line is dead
                there(CUT, "pkill", "-STOP", "sshd")
                cut = True
    output = "".join(said)
    assert cut, output
    assert process.returncode != 0
    assert "4 of 6 machines passed every check" in output.splitlines()[-1], output
    assert states() == dict.fromkeys(DESKS, "passed") | {OFF: "unreachable", CUT: "unreachable"}
    nobody_is_falsified("desk01", "desk02", "desk03", "desk04")
    assert set(help_wanted()) == {OFF, CUT}
    for name in (OFF, CUT):
        assert "unreachable" in help_wanted()[name]
        assert f"-l {name}" in help_wanted()[name], "the command that mends it"
        assert not (REPORTS / name / "report.json").exists()


def test_two_engines_and_two_compilers_and_the_page_says_who_has_which() -> None:
    engines = {name: row["engine"] for name, row in gradebook().items() if row["engine"]}
    assert engines["desk02"].startswith("docker 26.")
    assert {engines[n] for n in ("desk01", "desk03", "desk04")} == {engines["desk01"]}
    assert engines["desk01"].startswith("docker 20.10.24")
    assert f"3 of 4 have {engines['desk01']}; desk02 differs: {engines['desk02']}" in differences()
    digests = {name: row["ledger digest"] for name, row in gradebook().items()}
    assert digests["desk01"] == digests["desk03"] == digests["desk04"] != digests["desk02"]
    said = re.search(r"3 of 4 have sha256:(\w+); desk02 differs in (\S+)", differences())
    assert said, differences()
    assert said[2] == "/sleep", "another release's Go built it, and nothing else differs"
    assert digests["desk01"].startswith(f"sha256:{said[1]}")


def test_after_the_line_is_back_the_same_command_goes_on_for_that_machine() -> None:
    before = gradebook()
    there(CUT, "pkill", "-CONT", "sshd")
    done = lab("-l", CUT)
    assert done.returncode == 0, done.stdout
    nobody_is_falsified(CUT)
    assert {n: r for n, r in gradebook().items() if n != CUT} == {
        n: r for n, r in before.items() if n != CUT
    }, "the others keep what they had"


def test_answers_come_back_graded_again() -> None:
    key = there("desk01", PROGRAM, "worksheet", "sleep", "--key")
    answers = {line.split()[0]: line.split()[1] for line in key.splitlines()}
    for name, given in (("desk01", answers), (FORGER, {})):
        script = json.dumps({"answers": given}).encode()
        container.docker(
            "exec", "--interactive", machine(name), "sh", "-c", "cat >/root/answers.json",
            stdin=script,
        )  # fmt: skip
        there(name, "sh", "-c", f"{PROGRAM} quiz sleep --answers /root/answers.json || true")
    there(FORGER, "sed", "-i", 's/"points": 0/"points": 24/', GRADED)
    there(STOPPED, "docker", "stop", "--time", "1", "sleep")
    there(TAMPERED, "docker", "cp", "/etc/hostname", "sleep:/notes")
    done = lab("--tags", "verify,report")
    assert done.returncode != 0
    book = gradebook()
    points = str(2 * len(answers))
    assert (book["desk01"]["quiz"], book["desk01"]["doubts"]) == (points, "")
    assert book[FORGER]["quiz"] == "0"
    assert "claims 24 points, reached 0" in book[FORGER]["doubts"]


def test_who_was_stopped_and_who_was_tampered_with_are_named_and_no_one_else() -> None:
    assert states() == dict.fromkeys(DESKS, "passed") | {
        OFF: "unreachable",
        STOPPED: "failed",
        TAMPERED: "failed",
    }
    nobody_is_falsified("desk01", "desk02", CUT)
    wanted = help_wanted()
    assert set(wanted) == {OFF, STOPPED, TAMPERED}
    assert "exited" in wanted[STOPPED]
    assert "docker start sleep" in wanted[STOPPED]
    assert "/notes" in wanted[TAMPERED]
    assert f"{TAMPERED} differs in /notes" in differences()
    assert "3 of 6 machines passed every check" in (REPORTS / "index.html").read_text("utf-8")
    said = (REPORTS / "room.tap").read_text()
    assert re.findall(r"^not ok \d+ - (\S+)", said, re.M) == [STOPPED, TAMPERED, OFF]


def test_one_student_starts_over_and_the_others_keep_their_results() -> None:
    before = gradebook()
    done = lab("reset", "-l", TAMPERED)
    assert done.returncode == 0, done.stdout
    assert states()[TAMPERED] == "waiting"
    assert not (REPORTS / TAMPERED).exists()
    others = [name for name in DESKS if name != TAMPERED]
    assert [gradebook()[name] for name in others] == [before[name] for name in others]
    done = lab("-l", f"{TAMPERED},{STOPPED}")
    assert done.returncode == 0, done.stdout
    nobody_is_falsified("desk01", "desk02", STOPPED, TAMPERED, CUT)
    assert set(help_wanted()) == {OFF}


def test_a_machine_that_is_off_keeps_no_result_after_a_reset() -> None:
    container.docker("stop", machine("desk01"))
    lab("reset")
    assert [name for name in DESKS if (REPORTS / name).exists()] == []
