"""What a second run finds in place needs no module, and whatever differs is set right again."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
from ansible_collections.scratchlab.lab.plugins.modules.lab_machine import installed
from tests import ansible_environment

ROOT = Path(__file__).resolve().parents[3]
PROGRAM, LEARNING = "/usr/local/bin/scratchlab", "/var/lib/scratchlab/learning"
SUDOERS, MOTD = "/etc/sudoers.d/scratchlab", "/etc/motd.d/scratchlab"
OWNER = {"uid": 0, "gid": 0}
IN_PLACE: dict[str, dict[str, object]] = {
    PROGRAM: {**OWNER, "kind": "file", "mode": "0755", "sha256": "ab" * 32},
    LEARNING: {**OWNER, "kind": "directory", "mode": "1777"},
}
TASKS = {
    PROGRAM: "Install scratchlab",
    LEARNING: "Make the directory that shows where learners are",
    SUDOERS: "Remove the sudo rule",
    MOTD: "Remove the message at login",
}
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role:
        name: scratchlab.lab.rootfs_verification
        tasks_from: install
        rolespec_validate: false
"""


def changed(path: str, **fields: object) -> dict[str, dict[str, object]]:
    """What is in place, but for some fields of ``path``."""
    return {**IN_PLACE, path: {**IN_PLACE[path], **fields}}


CASES: dict[str, tuple[dict[str, dict[str, object]], set[str]]] = {
    "in-place": (IN_PLACE, set()),
    "bare": ({}, {PROGRAM, LEARNING}),
    "another-program": (changed(PROGRAM, sha256="cd" * 32), {PROGRAM}),
    "program-for-all": (changed(PROGRAM, mode="0777"), {PROGRAM}),
    "program-of-a-user": (changed(PROGRAM, uid=1000), {PROGRAM}),
    "directory-not-sticky": (changed(LEARNING, mode="0777"), {LEARNING}),
    "sudo-rule": ({**IN_PLACE, SUDOERS: IN_PLACE[PROGRAM]}, {SUDOERS}),
    "message": ({**IN_PLACE, MOTD: IN_PLACE[PROGRAM]}, {MOTD}),
    "second-time-in-one-run": (IN_PLACE, set(TASKS)),
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Ansible prints of the tasks after the build: in check mode, a host for each case."""
    directory = tmp_path_factory.mktemp("installed")
    (directory / "play.yml").write_text(PLAY)
    (directory / "program").write_text("")
    hosts = {name: {"found": found} for name, (found, _) in CASES.items()}
    hosts["second-time-in-one-run"]["__rootfs_verification_was_here"] = {"yes": {}}
    (directory / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "rootfs_verification_users": [],
        "rootfs_verification_motd": False,
        "__rootfs_verification_found": "{{ found }}",
        "__rootfs_verification_built_sha256": "ab" * 32,
        "__rootfs_verification_file": str(directory / "program"),
    }
    options = ["--check", "-i", "hosts.json", "-e", json.dumps(variables)]
    options += ["--start-at-task", "scratchlab.lab.rootfs_verification : Install what is missing"]
    return ansible_environment.run_playbook(directory, *options, "play.yml").stdout


@pytest.mark.parametrize("case", CASES)
def test_only_what_differs_needs_a_module(output: str, case: str) -> None:
    tasks = output.split("TASK [scratchlab.lab.rootfs_verification : ")
    said = {task.partition("]")[0]: task for task in tasks}
    done = {
        path
        for path, name in TASKS.items()
        if f"ok: [{case}]" in said[name] or f"changed: [{case}]" in said[name]
    }
    assert done == CASES[case][1]


def test_the_state_of_what_is_installed(tmp_path: Path) -> None:
    program, directory = tmp_path / "program", tmp_path / "directory"
    program.write_text("x")
    program.chmod(0o755)
    directory.mkdir()
    directory.chmod(0o1777)
    owner = {"uid": os.getuid(), "gid": os.getgid()}
    sha256 = hashlib.sha256(b"x").hexdigest()
    assert installed(program) == {**owner, "kind": "file", "mode": "0755", "sha256": sha256}
    assert installed(directory) == {**owner, "kind": "directory", "mode": "1777"}
    link = tmp_path / "link"
    link.symlink_to(program)
    assert installed(link)["kind"] == "other"
    assert installed(tmp_path / "nothing") is None
