"""Stages by themselves, as a real Ansible runs them: a report and its page, or why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
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
    """Run one file of a role's tasks here."""
    (tmp_path / "play.yml").write_text(PLAY.format(tasks=ROOT / "roles" / role / "tasks" / tasks))
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "here,"]
    home = ansible_environment.environment(tmp_path)
    return subprocess.run(
        [*command, "-e", json.dumps({**variables, **here}), str(tmp_path / "play.yml")],
        cwd=tmp_path,
        env={k: v for k, v in home.items() if k != "PYTHONPATH"} | ansible_environment.PLUGINS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def stage(
    tmp_path: Path, role: str, report: Report | str, program: Path = ROOT / "scripts"
) -> subprocess.CompletedProcess[str]:
    """Run it for a machine that holds ``report``; ``program`` is where Python finds scratchlab."""
    source, brought = tmp_path / "there.json", tmp_path / "reports"
    brought.mkdir()
    for place in (source, brought / "report.json"):
        place.write_text(report) if isinstance(report, str) else write(report, str(place))
    (brought / "index.html").write_text("the page of an earlier report")
    return play(
        tmp_path,
        role,
        "report.yml",
        {
            "__rootfs_verification_report": str(source),
            "__rootfs_verification_brought": str(brought),
            "__rootfs_verification_python_path": str(program),
            "__rootfs_verification_built": {"stdout": "unchanged"},  # no zipapp: a folder will do
            "__remote_engine_report": str(brought / "report.json"),
            "__remote_engine_program": str(program),
            "__remote_engine_run": {"stdout_lines": []},
        },
    )


def failed_in(said: str) -> str:
    """The task after which the machine dropped out, without its role, or nothing."""
    before, fatal, _ = said.partition("fatal: [here")
    task = before.rpartition("TASK [")[2].partition("]")[0] if fatal else ""
    return task.rpartition(" : ")[2]


each_role = pytest.mark.parametrize("role", ROLES)


@each_role
def test_a_report_gets_its_page(tmp_path: Path, role: str) -> None:
    done = stage(tmp_path, role, reports.sleep())
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "reports/index.html").read_text().startswith("<!DOCTYPE html>")


def test_a_report_of_something_that_differs_gets_its_page_too(tmp_path: Path) -> None:
    done = stage(tmp_path, ROLES[0], reports.troubled())
    assert failed_in(done.stdout) == "Check that no experiment failed", done.stdout
    assert "E07, E12" in done.stdout
    assert (tmp_path / "reports/index.html").read_text().startswith("<!DOCTYPE html>")


@each_role
def test_a_page_that_could_not_be_made_is_no_silence(tmp_path: Path, role: str) -> None:
    # Python itself ends with status 1 here, which from scratchlab would mean "something differs".
    done = stage(tmp_path, role, reports.sleep(), program=tmp_path / "nothing")
    assert failed_in(done.stdout) == "Make its page", done.stdout
    assert "No module named scratchlab" in done.stdout
    assert not (tmp_path / "reports/index.html").exists(), "an earlier page stands in for nothing"


def test_a_damaged_report_is_named_where_its_page_is_made(tmp_path: Path) -> None:
    done = stage(tmp_path, ROLES[0], '{"schema": ')
    assert failed_in(done.stdout) == "Make its page", done.stdout
    assert "damaged report" in done.stdout
    assert not (tmp_path / "reports/index.html").exists()


def missing(place: Path) -> None:
    """Nothing lies there."""


def link(place: Path) -> None:
    place.symlink_to("/etc/shadow")


def large(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)


@pytest.mark.parametrize(
    ("lay", "words"),
    [
        (missing, "No such file"),
        (os.mkdir, "Is a directory"),
        (os.mkfifo, "no regular file"),
        (link, "symbolic links"),
        (large, "larger than 64 MiB"),
    ],
    ids=["missing", "folder", "fifo", "link", "large"],
)
def test_what_is_no_report_is_not_brought(
    tmp_path: Path, lay: Callable[[Path], None], words: str
) -> None:
    there, brought = tmp_path / "there.json", tmp_path / "reports"
    lay(there)
    done = play(
        tmp_path,
        ROLES[0],
        "report.yml",
        {
            "__rootfs_verification_report": str(there),
            "__rootfs_verification_brought": str(brought),
        },
    )
    assert failed_in(done.stdout) == "Bring the report back", done.stdout
    assert words in done.stdout
    assert f"no report: {there} on here: " in done.stdout
    assert "run ./lab -l here" in done.stdout
    assert not brought.exists()


@pytest.mark.root
@pytest.mark.parametrize(("words", "status"), [("", 1), ("what it says", 0), ("", 2)])
def test_a_program_that_never_began_is_no_check_that_failed(
    tmp_path: Path, words: str, status: int
) -> None:
    program = tmp_path / "scratchlab"
    program.write_text(f"#!/bin/sh\nprintf %s '{words}'\nexit {status}\n")
    program.chmod(0o755)
    variables = {
        "__rootfs_verification_program": str(program),
        "__rootfs_verification_report": str(tmp_path / "report.json"),
        "__rootfs_verification_quiz": "",
        "__rootfs_verification_chosen": [],
        "rootfs_verification_container": "sleep",
        "rootfs_verification_image": "sleep",
        "rootfs_verification_options": [],
    }
    done = play(tmp_path, "rootfs_verification", "experiments.yml", variables)
    wrong = "" if words else "Check that the questions could be answered"
    assert failed_in(done.stdout) == wrong, done.stdout
