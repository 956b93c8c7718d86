"""./lab watch over real ssh: a step passed, a call for help, a cable pulled; and no root there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from machines import docker_engine
from machines.docker_engine import docker
from machines.place import Place

pytestmark = [pytest.mark.engine, pytest.mark.root]
ROOT = Path(__file__).resolve().parents[2]
PLACE = Place()
NAMES = ("desk01", "desk02", "desk03")
PREFIX = f"scratchlab-watch-{os.getpid()}"
SECONDS = 60  # on a busy machine
Row = dict[str, Any]


def machine(name: str) -> str:
    return f"{PREFIX}-{name}"


def execute(name: str, *command: str, user: str = "root") -> str:
    return docker("exec", "--user", user, machine(name), *command, check=False)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("program") / "scratchlab"
    build = [sys.executable, str(ROOT / "scripts/build_zipapp.py"), str(made)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run(build, check=True, capture_output=True, env=environment)
    return made


@pytest.fixture(scope="module")
def inventory(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three machines with sshd and the engine's socket; a fourth is not there at all."""
    image = docker_engine.image(PLACE, "bookworm")
    key, hosts = PLACE.public_key(), {}
    started = (
        "set -e; umask 022; mkdir -p /run/sshd /home/student/.ssh /var/lib/scratchlab/learning; "
        "chmod 1777 /var/lib/scratchlab/learning; chmod 755 /usr/local/bin/scratchlab; "
        "cat >/home/student/.ssh/authorized_keys; chown -R student: /home/student/.ssh; "
        "/usr/sbin/sshd"
    )
    socket = "/var/run/docker.sock"
    try:
        for name in NAMES:
            docker(
                "run", "--detach", f"--name={machine(name)}", f"--hostname={name}", "--init",
                "--cap-add=NET_ADMIN",
                f"--volume={socket}:{socket}", "--entrypoint=sleep", image, "infinity",
            )  # fmt: skip
            docker("cp", str(program), f"{machine(name)}:/usr/local/bin/scratchlab")
            command = ("exec", "--interactive", machine(name), "sh", "-c", started)
            docker(*command, stdin=key.encode())
            address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
            found = docker("inspect", "--format", address, machine(name))
            hosts[name] = {"ansible_host": found, "lab_student_name": f"Student {name[-1]}"}
        hosts["desk04"] = {"ansible_host": "192.0.2.4"}
        variables = {
            "ansible_user": "student",
            "ansible_ssh_private_key_file": str(PLACE.key),
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes",
            "ansible_host_key_checking": False,
        }
        file = tmp_path_factory.mktemp("room") / "classroom.yml"
        file.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
        yield file
    finally:
        docker("rm", "--force", "--volumes", *map(machine, NAMES), check=False)


class Watching:
    """A running ./lab watch, whose looks are read until one shows what is waited for."""

    def __init__(self, inventory: Path) -> None:
        command = [sys.executable, str(ROOT / "scripts/watch.py"), "-i", str(inventory)]
        self.process = subprocess.Popen(
            [*command, "--json", "--every", "1", "--timeout", "3"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, shows: Callable[[dict[str, Row]], bool]) -> dict[str, Row]:
        """The first look that ``shows`` it, its rows by machine."""
        assert self.process.stdout is not None
        end, rows = time.monotonic() + SECONDS, {}
        while time.monotonic() < end:
            look = json.loads(self.process.stdout.readline())
            rows = {row["machine"]: row for row in look["rows"]}
            if shows(rows):
                return rows
        raise AssertionError(f"not seen in {SECONDS} s: {json.dumps(rows)}")


@pytest.fixture(scope="module")
def watching(inventory: Path) -> Iterator[Watching]:
    made = Watching(inventory)
    yield made
    made.process.kill()
    made.process.wait()


def connections() -> list[str]:
    """The command lines of ssh to these machines."""
    found = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True)
    key = str(PLACE.key)
    return [line for line in found.stdout.splitlines() if line.startswith("ssh ") and key in line]


def test_machines_that_answer_are_seen_and_one_that_is_not_there_is_gone(
    watching: Watching,
) -> None:
    rows = watching.until(
        lambda rows: (
            {rows[name]["need"] for name in NAMES} == {"not begun"}
            and rows["desk04"]["need"] == "machine gone"
        )
    )
    assert rows["desk04"]["reason"]
    assert rows["desk01"]["student"] == "Student 1"


def test_a_step_that_is_passed_is_seen(watching: Watching) -> None:
    execute("desk01", "scratchlab", "learn")
    rows = watching.until(lambda rows: rows["desk01"]["need"] == "working")
    assert rows["desk01"]["status"]["ended"] == rows["desk01"]["status"]["points"] == 0
    wrong = execute("desk01", "scratchlab", "learn", "check", "forbidden")
    rows = watching.until(lambda rows: rows["desk01"]["status"]["wrong"] == 1)
    assert rows["desk01"]["status"]["ended"] == 0, wrong
    said = execute("desk01", "scratchlab", "learn", "check", "reserved")
    rows = watching.until(lambda rows: rows["desk01"]["status"]["ended"] == 1)
    status = rows["desk01"]["status"]
    assert 0 < status["points"] < status["of"], said
    assert rows["desk01"]["idle"] < SECONDS
    execute("desk01", "scratchlab", "learn", "next")
    rows = watching.until(lambda rows: rows["desk01"]["status"]["number"] == 2)
    assert rows["desk01"]["status"]["title"] == "Write the smallest Dockerfile"


def test_a_call_for_help_is_seen_first_and_taken_back(watching: Watching) -> None:
    execute("desk02", "scratchlab", "help-me", "what is\n\x1b[2J an origin?", user="student")
    rows = watching.until(lambda rows: rows["desk02"]["need"] == "asked for help")
    assert next(iter(rows)) == "desk02"
    assert rows["desk02"]["status"]["help"]["text"] == "what is \\x1b[2J an origin?"
    execute("desk02", "scratchlab", "help-me", "--done", user="student")
    watching.until(lambda rows: rows["desk02"]["need"] == "not begun")


def test_what_a_student_writes_by_hand_is_damaged_and_harms_no_other(watching: Watching) -> None:
    file = "/var/lib/scratchlab/learning/1000.json"
    execute("desk02", "sh", "-c", f"yes | head -c 1000000 >{file}", user="student")
    rows = watching.until(lambda rows: rows["desk02"]["need"] == "damaged status")
    assert rows["desk01"]["need"] == "working"
    execute("desk02", "rm", file)
    watching.until(lambda rows: rows["desk02"]["need"] == "not begun")


def test_a_machine_whose_cable_is_pulled_is_gone_and_comes_back(watching: Watching) -> None:
    execute("desk01", "scratchlab", "help-me")
    watching.until(lambda rows: rows["desk01"]["need"] == "asked for help")
    execute("desk01", "scratchlab", "help-me", "--done")
    watching.until(lambda rows: rows["desk01"]["need"] == "working")
    execute("desk01", "ip", "link", "set", "eth0", "down")
    rows = watching.until(lambda rows: rows["desk01"]["need"] == "machine gone")
    assert rows["desk01"]["status"]["number"] == 2  # what was known stays
    assert rows["desk02"]["gone"] is None
    execute("desk01", "ip", "link", "set", "eth0", "up")
    watching.until(lambda rows: rows["desk01"]["gone"] is None)


def test_a_machine_that_is_switched_off_is_gone(watching: Watching) -> None:
    docker("kill", machine("desk03"))
    rows = watching.until(lambda rows: rows["desk03"]["need"] == "machine gone")
    assert rows["desk03"]["reason"]


def test_ctrl_c_ends_every_connection(watching: Watching) -> None:
    assert connections()
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(20) == 0
    assert connections() == []


def test_one_look_names_who_is_gone_and_says_so_by_its_status(inventory: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/watch.py"), "-i", str(inventory)]
    command += ["--once", "--timeout", "3"]
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6, done.stdout
    assert {line.split()[0] for line in lines[1:3]} == {"desk03", "desk04"}
    assert "2 of 16 Write the smallest Dockerfile" in done.stdout
    assert connections() == []
