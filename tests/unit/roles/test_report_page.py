"""Single stages, run by a real Ansible: a report gets its page, or a reason why not."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ansible_collections.scratchlab.lab.plugins.action import run_experiments
from tests import ansible_environment
from tests.browser import reports

from scratchlab.report import Report, write

ROOT = Path(__file__).resolve().parents[3]
ROLES = ("rootfs_verification", "remote_engine")
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_tasks: {tasks}
"""


def play(
    tmp_path: Path, role: str, tasks: str, variables: Mapping[str, object]
) -> subprocess.CompletedProcess[str]:
    """Run a file of a role's tasks on this machine."""
    (tmp_path / "play.yml").write_text(PLAY.format(tasks=ROOT / "roles" / role / "tasks" / tasks))
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return ansible_environment.run_playbook(
        tmp_path, "-i", "here,", "-e", json.dumps({**variables, **here}), "play.yml"
    )


def stage(
    tmp_path: Path, role: str, report: Report | str, program: Path = ROOT / "scripts"
) -> subprocess.CompletedProcess[str]:
    """Run it for a machine with ``report``; ``program`` is where Python finds scratchlab."""
    source, fetched = tmp_path / "there.json", tmp_path / "reports"
    fetched.mkdir()
    for file in (source, fetched / "report.json"):
        file.write_text(report) if isinstance(report, str) else write(report, str(file))
    (fetched / "index.html").write_text("the page of an earlier report")
    return play(
        tmp_path,
        role,
        "report.yml",
        {
            "__rootfs_verification_report": str(source),
            "__rootfs_verification_fetched": str(fetched),
            "__rootfs_verification_python_path": str(program),
            "__rootfs_verification_built": {
                "stdout": "unchanged"
            },  # a directory instead of the program
            "__remote_engine_report": str(fetched / "report.json"),
            "__remote_engine_python_path": str(program),
            "__remote_engine_run": {"stdout_lines": []},
        },
    )


def failed_task(output: str) -> str:
    """The task in which the machine failed, without the name of its role, or nothing."""
    before, fatal, _ = output.partition("fatal: [here")
    task = before.rpartition("TASK [")[2].partition("]")[0] if fatal else ""
    return task.rpartition(" : ")[2]


each_role = pytest.mark.parametrize("role", ROLES)


@each_role
def test_report_gets_its_page(tmp_path: Path, role: str) -> None:
    done = stage(tmp_path, role, reports.sleep())
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "reports/index.html").read_text().startswith("<!DOCTYPE html>")


def test_report_with_failed_checks_gets_its_page_too(tmp_path: Path) -> None:
    done = stage(tmp_path, ROLES[0], reports.troubled())
    assert failed_task(done.stdout) == "Check that no experiment failed", done.stdout
    assert "E07, E12" in done.stdout
    assert (tmp_path / "reports/index.html").read_text().startswith("<!DOCTYPE html>")


@each_role
def test_missing_page_is_an_error(tmp_path: Path, role: str) -> None:
    # Python itself ends with status 1 here; from scratchlab that would mean "something differs".
    done = stage(tmp_path, role, reports.sleep(), program=tmp_path / "nothing")
    assert failed_task(done.stdout) == "Check that the page was made", done.stdout
    assert "No module named 'scratchlab'" in done.stdout
    assert not (tmp_path / "reports/index.html").exists(), (
        "the page of an earlier report must be gone"
    )


def test_damaged_report_is_an_error_of_the_page(tmp_path: Path) -> None:
    done = stage(tmp_path, ROLES[0], '{"schema": ')
    assert failed_task(done.stdout) == "Check that the page was made", done.stdout
    assert "damaged report" in done.stdout
    assert not (tmp_path / "reports/index.html").exists()


ROOM = """
- hosts: all
  gather_facts: false
  roles:
    - role: scratchlab.lab.lab_report
      lab_report_file: "{{ playbook_dir }}/{{ inventory_hostname }}/report.json"
      lab_report_python_path: "{{ program }}"
      when: inventory_hostname not in left_out
"""


def room(tmp_path: Path, program: Path, *left_out: str) -> str:
    """Make the pages of three machines, beside an older page of each; returns what Ansible says."""
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        write(reports.sleep(), str(tmp_path / name / "report.json"))
        (tmp_path / name / "index.html").write_text("older")
    (tmp_path / "room.yml").write_text(ROOM)
    variables = {
        "program": str(program),
        "left_out": left_out,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    return ansible_environment.run_playbook(
        tmp_path, "-i", "one,two,three", "-e", json.dumps(variables), "room.yml"
    ).stdout


@pytest.mark.parametrize("left_out", [(), ("one",), ("two",), ("one", "three")])
def test_every_machine_gets_a_page_whichever_are_left_out(
    tmp_path: Path, left_out: tuple[str, ...]
) -> None:
    said = room(tmp_path, ROOT / "scripts", *left_out)
    pages = {name: (tmp_path / name / "index.html").read_text() for name in ("one", "two", "three")}
    assert {name for name, page in pages.items() if page == "older"} == set(left_out), said
    assert "failed=0" in said
    assert "failed=1" not in said


def test_an_older_page_does_not_count_as_made(tmp_path: Path) -> None:
    said = room(tmp_path, tmp_path / "nothing")
    assert said.count("No module named 'scratchlab'") >= 3, said
    assert said.count("failed=1") == 3, said


def missing(path: Path) -> None:
    """Make nothing."""


def link(path: Path) -> None:
    path.symlink_to("/etc/shadow")


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (missing, "No such file"),
        (os.mkdir, "Is a directory"),
        (os.mkfifo, "not a regular file"),
        (link, "symbolic links"),
        (large, "larger than 64 MiB"),
    ],
    ids=["missing", "directory", "fifo", "link", "large"],
)
def test_anything_but_a_regular_file_of_limited_size_is_rejected(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    source, fetched = tmp_path / "there.json", tmp_path / "reports"
    make(source)
    done = play(
        tmp_path,
        ROLES[0],
        "report.yml",
        {
            "__rootfs_verification_report": str(source),
            "__rootfs_verification_fetched": str(fetched),
        },
    )
    assert failed_task(done.stdout) == "Fetch the report", done.stdout
    assert reason in done.stdout
    assert f"no report: {source} on here: " in done.stdout
    assert "run the lab on it (-l here)" in done.stdout
    assert not fetched.exists()


def examine(
    tmp_path: Path, output: str, status: int, **more: object
) -> subprocess.CompletedProcess[str]:
    """Run the experiments with a program that prints ``output`` and a word of reproach."""
    program = tmp_path / "scratchlab"
    program.write_text(f"#!/bin/sh\necho trouble >&2\nprintf %s '{output}'\nexit {status}\n")
    program.chmod(0o755)
    variables = {
        "__rootfs_verification_program": str(program),
        "__rootfs_verification_report": str(tmp_path / "report.json"),
        "__rootfs_verification_fetched": str(tmp_path / "reports"),
        "__rootfs_verification_quiz": "",
        "__rootfs_verification_chosen": [],
        "__rootfs_verification_brings": True,
        "rootfs_verification_container": "sleep",
        "rootfs_verification_image": "sleep",
        "rootfs_verification_options": [],
    }
    return play(tmp_path, "rootfs_verification", "experiments.yml", {**variables, **more})


def packed(content: bytes) -> str:
    """What the program prints for the controller, after a greeting of the shell."""
    line = base64.b64encode(zlib.compress(content)).decode()
    return f"Welcome\nscratchlab-begin\na table\nscratchlab-report {line}\n"


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("", 1),
        ("", 0),
        ("", 127),
        ("Welcome", 1),
        ("scratchlab-begin\na table", 0),
        ("a table\nscratchlab-report eJwDAAAAAAE=", 0),
        (packed(b"{}"), 2),
    ],
)
def test_program_that_could_not_answer_is_an_error(
    tmp_path: Path, output: str, status: int
) -> None:
    done = examine(tmp_path, output, status)
    assert failed_task(done.stdout) == "Run the experiments", done.stdout
    assert "trouble (here)" in done.stdout
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("status", [0, 1, 3])
def test_experiments_bring_their_report_and_remove_the_older_page(
    tmp_path: Path, status: int
) -> None:
    reports_here = tmp_path / "reports"
    reports_here.mkdir()
    (reports_here / "index.html").write_text("older")
    done = examine(tmp_path, packed(b"{}"), status)
    assert failed_task(done.stdout) == "", done.stdout
    assert [path.name for path in reports_here.iterdir()] == ["report.json"]
    assert (reports_here / "report.json").read_bytes() == b"{}"
    assert (reports_here / "report.json").stat().st_mode & 0o777 == 0o644


def test_only_what_the_program_says_is_shown() -> None:
    said, report = run_experiments.split(packed(b"{}") + "Bye\n")
    assert said == ["a table"]
    assert zlib.decompress(base64.b64decode(report)) == b"{}"


def test_a_report_larger_than_the_limit_is_cut(tmp_path: Path) -> None:
    examine(tmp_path, packed(bytes(64 * 1024 * 1024 + 1)), 0)
    assert (tmp_path / "reports/report.json").stat().st_size == 64 * 1024 * 1024


@pytest.mark.parametrize("sent", ["!", "AAAA", "eJwzNDI="])
def test_what_is_not_a_report_is_not_written(tmp_path: Path, sent: str) -> None:
    done = examine(tmp_path, f"scratchlab-begin\na table\nscratchlab-report {sent}", 0)
    assert failed_task(done.stdout) == "Run the experiments", done.stdout
    assert not (tmp_path / "reports").exists()


def test_a_report_that_is_not_wanted_is_not_written(tmp_path: Path) -> None:
    done = examine(tmp_path, packed(b"{}"), 0, __rootfs_verification_brings=False)
    assert failed_task(done.stdout) == "", done.stdout
    assert not (tmp_path / "reports").exists()
