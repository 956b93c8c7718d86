"""A classroom of six by one command: a machine in trouble is named with the reason, no other is.

Six system containers from packages alone, with two releases of Debian, thus two engines. One is
switched off, one loses its connection in the middle, one has its container stopped, one is tampered
with. Takes a quarter of an hour: ``./lab test --all``, or ``./lab test room``.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from machines.docker_engine import docker
from tests.e2e import lab_command
from tests.machines import classroom
from tests.machines.fresh import Fresh

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
REPORTS = lab_command.ROOT / "reports"
RESULTS = lab_command.ROOT / "results"
MACHINES = Fresh("room")
INVENTORY = lab_command.ROOT / ".cache" / "room-e2e"
PROGRAM = "/usr/local/bin/scratchlab"
ROSTER = """host;name;id;email
desk01;Anna Müller;4711;anna@example.org
desk02;Ben Okafor;4712;ben@example.org
desk03;Cleo Díaz;4713;cleo@example.org
"""
GRADED = "/var/lib/scratchlab/quiz/graded.json"


def machine(name: str) -> str:
    return MACHINES.instance(name)


@pytest.fixture(scope="module", autouse=True)
def inventory() -> Iterator[Path]:
    """The machines, one of them switched off, and an inventory as a person would write it."""
    MACHINES.up(DESKS)
    docker("stop", machine(OFF))
    try:
        hosts = {name: MACHINES.variables(name) for name in DESKS}
        hosts["desk04"]["lab_student_name"] = "Dora Nagy"
        file = classroom.inventory(INVENTORY, hosts)
        roster = INVENTORY / "roster.csv"
        roster.write_text("\ufeff" + ROSTER, encoding="utf-8")  # as a spreadsheet writes it
        roster.chmod(0o600)
        yield file
    finally:
        MACHINES.down()


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    verb = [arguments[0]] if arguments and not arguments[0].startswith("-") else []
    return lab_command.run(*verb, "-i", str(INVENTORY / "classroom.yml"), *arguments[len(verb) :])


def execute(name: str, *command: str) -> str:
    return docker("exec", machine(name), *command)


def gradebook() -> dict[str, dict[str, str]]:
    """The rows of reports/room.csv by machine."""
    rows = csv.DictReader((REPORTS / "room.csv").read_text().splitlines())
    return {row["machine"]: row for row in rows}


def states() -> dict[str, str]:
    return {name: row["state"] for name, row in gradebook().items()}


def help_wanted() -> dict[str, str]:
    """Machines under "Who needs help" on the page, with their text."""
    page = (REPORTS / "index.html").read_text("utf-8")
    texts = {}
    for article in re.findall(r"<article.*?</article>", page, re.S):
        heading, _, rest = article.partition("</h3>")
        for name in re.findall(r">([^<>]+)</a>", heading):
            texts[unescape(name)] = " ".join(unescape(re.sub("<[^>]*>", " ", rest)).split())
    return texts


def differences() -> str:
    """The text under "What differs" on the page."""
    page = (REPORTS / "index.html").read_text("utf-8")
    section = re.search(r'<section id="differences".*?</section>', page, re.S)
    return " ".join(unescape(re.sub("<[^>]*>", " ", section[0] if section else "")).split())


def assert_passed_by_own_report(*names: str) -> None:
    """Assert that each machine passed every check of its report, and that the report is its own."""
    book = gradebook()
    for name in names:
        report = json.loads((REPORTS / name / "report.json").read_text())
        verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
        assert list(verdicts) == lab_command.EXPERIMENTS
        assert set(verdicts.values()) <= {"pass", "skip"}
        assert report["host"]["name"] == name
        assert {key: book[name][key] for key in verdicts} == verdicts
        assert (book[name]["state"], book[name]["reason"]) == ("passed", "")


def test_roster_that_cannot_be_right_stops_before_anything_runs() -> None:
    wrong = INVENTORY / "wrong.csv"
    wrong.write_text("host,name,id,email\ndesk9,Anna,,\n")
    wrong.chmod(0o600)
    done = lab("-e", f"lab_roster={wrong}")
    assert done.returncode == 2
    last = done.stdout.strip().splitlines()[-1]
    assert "line 2: the inventory has no host desk9; did you mean desk0" in last
    assert "TASK" not in done.stdout


def test_cards_are_made_before_the_first_run() -> None:
    done = lab("cards")
    assert done.returncode == 0, done.stdout
    assert "6 cards, 4 with a name, two on a page" in done.stdout
    assert "TASK" not in done.stdout
    cards = unescape((REPORTS / "cards.html").read_text("utf-8")).split('class="card"')[1:]
    assert ["Anna Müller" in card for card in cards] == [True, *[False] * 5]
    assert "Dora Nagy" in cards[3]
    assert (REPORTS / "cards.html").stat().st_mode & 0o777 == 0o600


def test_check_names_the_machine_that_is_off() -> None:
    done = lab("check")
    assert done.returncode != 0
    ready = [
        name for name in DESKS if re.search(rf"^{name} +yes( +yes){{7}} *$", done.stdout, re.M)
    ]
    assert ready == [name for name in DESKS if name != OFF], done.stdout
    assert re.search(rf"^{OFF} +NO *$", done.stdout, re.M)
    assert "5 of 6 machines are ready" in done.stdout


def test_lost_connection_stops_no_other_machine() -> None:
    command = ["./lab", "-i", str(INVENTORY / "classroom.yml")]
    lines: list[str] = []
    cut = False
    with subprocess.Popen(
        command,
        cwd=lab_command.ROOT,
        env=lab_command.environment({"PYTHONUNBUFFERED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("TASK [scratchlab.lab.docker_host : Install") and not cut:
                time.sleep(4)  # in the middle of its packages
                execute(CUT, "pkill", "-STOP", "sshd")
                cut = True
    output = "".join(lines)
    assert cut, output
    assert process.returncode != 0
    assert "4 of 6 machines passed every check" in output.splitlines()[-1], output
    assert states() == dict.fromkeys(DESKS, "passed") | {OFF: "unreachable", CUT: "unreachable"}
    assert_passed_by_own_report("desk01", "desk02", "desk03", "desk04")
    assert set(help_wanted()) == {OFF, CUT}
    for name in (OFF, CUT):
        assert "unreachable" in help_wanted()[name]
        assert f"-l {name}" in help_wanted()[name], "the command that fixes it"
        assert not (REPORTS / name / "report.json").exists()


def test_page_shows_which_machines_have_another_engine_and_image() -> None:
    engines = {name: row["engine"] for name, row in gradebook().items() if row["engine"]}
    assert engines["desk02"].startswith("docker 26.")
    assert {engines[n] for n in ("desk01", "desk03", "desk04")} == {engines["desk01"]}
    assert engines["desk01"].startswith("docker 20.10.24")
    assert f"3 of 4 have {engines['desk01']}; desk02 differs: {engines['desk02']}" in differences()
    digests = {name: row["ledger digest"] for name, row in gradebook().items()}
    assert digests["desk01"] == digests["desk03"] == digests["desk04"] != digests["desk02"]
    match = re.search(r"3 of 4 have sha256:(\w+); desk02 differs in (\S+)", differences())
    assert match, differences()
    assert match[2] == "/sleep", "built by another release's Go; nothing else differs"
    assert digests["desk01"].startswith(f"sha256:{match[1]}")


def test_reconnected_machine_passes_by_the_same_command() -> None:
    before = gradebook()
    execute(CUT, "pkill", "-CONT", "sshd")
    done = lab("-l", CUT)
    assert done.returncode == 0, done.stdout
    assert_passed_by_own_report(CUT)
    assert {n: r for n, r in gradebook().items() if n != CUT} == {
        n: r for n, r in before.items() if n != CUT
    }, "the other machines keep their results"


def test_answers_are_graded_again_from_the_report() -> None:
    key = execute("desk01", PROGRAM, "worksheet", "sleep", "--key")
    answers = {line.split()[0]: line.split()[1] for line in key.splitlines()}
    for name, given in (("desk01", answers), (FORGER, {})):
        script = json.dumps({"answers": given}).encode()
        docker(
            "exec", "--interactive", machine(name), "sh", "-c", "cat >/root/answers.json",
            stdin=script,
        )  # fmt: skip
        execute(name, "sh", "-c", f"{PROGRAM} quiz sleep --answers /root/answers.json || true")
    execute(FORGER, "sed", "-i", 's/"points": 0/"points": 24/', GRADED)
    execute(STOPPED, "docker", "stop", "--time", "1", "sleep")
    execute(TAMPERED, "docker", "cp", "/etc/hostname", "sleep:/notes")
    done = lab("--tags", "verify,report")
    assert done.returncode != 0
    book = gradebook()
    points = str(2 * len(answers))
    anna = book["desk01"]
    assert (anna["name"], anna["id"], anna["points"]) == ("Anna Müller", "4711", points)
    assert (book["desk03"]["points"], book["desk03"]["name"]) == ("", "Cleo Díaz")
    moodle = csv.DictReader((REPORTS / "moodle.csv").read_text("utf-8").splitlines())
    assert {row["ID number"]: row["scratchlab quiz"] for row in moodle} == {
        "4711": points,
        "4712": "0",
        "4713": "",
    }
    assert "Anna Müller" in unescape((REPORTS / "index.html").read_text("utf-8"))
    for name in ("roster.json", "room.csv", "moodle.csv", "canvas.csv", "index.html"):
        assert (REPORTS / name).stat().st_mode & 0o777 == 0o600, name
    assert (book["desk01"]["quiz"], book["desk01"]["doubts"]) == (points, "")
    assert book[FORGER]["quiz"] == "0"
    assert "claims 24 points, reached 0" in book[FORGER]["doubts"]


def test_stopped_and_tampered_containers_are_named_and_no_other() -> None:
    assert states() == dict.fromkeys(DESKS, "passed") | {
        OFF: "unreachable",
        STOPPED: "failed",
        TAMPERED: "failed",
    }
    assert_passed_by_own_report("desk01", "desk02", CUT)
    wanted = help_wanted()
    assert set(wanted) == {OFF, STOPPED, TAMPERED}
    assert "exited" in wanted[STOPPED]
    assert "docker start sleep" in wanted[STOPPED]
    assert "/notes" in wanted[TAMPERED]
    # What is typed here reaches that machine, and no command resets the instructor's own.
    options = f"-i {(INVENTORY / 'classroom.yml').relative_to(lab_command.ROOT)} -l {TAMPERED}"
    again = f"./lab reset {options} && ./lab {options}"
    assert again in wanted[TAMPERED]
    assert f"on {TAMPERED}:" in wanted[TAMPERED]
    for file in ("index.html", "room.tap", "room.xml", f"{TAMPERED}/index.html"):
        assert again in unescape((REPORTS / file).read_text("utf-8")), file
    assert f"{TAMPERED} differs in /notes" in differences()
    assert "3 of 6 machines passed every check" in (REPORTS / "index.html").read_text("utf-8")
    tap = (REPORTS / "room.tap").read_text()
    assert re.findall(r"^not ok \d+ - (\S+)", tap, re.M) == [STOPPED, TAMPERED, OFF]


def test_reset_of_one_machine_keeps_the_results_of_others() -> None:
    before = gradebook()
    done = lab("reset", "-l", TAMPERED)
    assert done.returncode == 0, done.stdout
    assert states()[TAMPERED] == "waiting"
    assert not (REPORTS / TAMPERED).exists()
    others = [name for name in DESKS if name != TAMPERED]
    assert [gradebook()[name] for name in others] == [before[name] for name in others]
    done = lab("-l", f"{TAMPERED},{STOPPED}")
    assert done.returncode == 0, done.stdout
    assert_passed_by_own_report("desk01", "desk02", STOPPED, TAMPERED, CUT)
    assert set(help_wanted()) == {OFF}


def test_results_are_kept_when_the_class_is_over() -> None:
    before = set(RESULTS.glob("*"))
    done = lab("destroy", "-l", CUT)
    assert done.returncode == 0, done.stdout
    (kept,) = set(RESULTS.glob("*")) - before
    said = f"lab: the results of this room are kept, for you alone: {kept} (rm -r removes them)"
    assert done.stdout.strip().splitlines()[-1] == said
    assert "Anna Müller" in (kept / "room.csv").read_text("utf-8")
    assert (kept / CUT / "report.json").is_file()
    assert not (REPORTS / CUT).exists()
    shutil.rmtree(kept)


def test_reset_removes_the_result_of_a_machine_that_is_off() -> None:
    docker("stop", machine("desk01"))
    lab("reset")
    assert [name for name in DESKS if (REPORTS / name).exists()] == []
