"""A run on a terminal shows stages and what is being done; everything else is Ansible's own."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests import ansible_environment

PLAYBOOK = """
- name: First stage
  hosts: all
  gather_facts: false
  tasks:
    - name: Pass
      ansible.builtin.command: sleep 0.8
      changed_when: inventory_hostname == 'one'
    - name: Skip
      ansible.builtin.command: "false"
      when: false
- name: Second stage
  hosts: all
  gather_facts: false
  tasks:
    - name: Warn
      warns:
    - name: Fail
      ansible.builtin.fail: {msg: "because {{ inventory_hostname }} is two"}
      when: inventory_hostname == 'two'
    - name: Go on
      ansible.builtin.command: "true"
      changed_when: false
"""
BROKEN = """
from ansible_collections.scratchlab.lab.plugins.callback import lab_progress

DOCUMENTATION = lab_progress.DOCUMENTATION.replace("lab_progress", "broken")


class CallbackModule(lab_progress.CallbackModule):
    CALLBACK_NAME = "broken"

    def _finished(self, result):
        raise ValueError("a fault of its own")
"""
WARNS = """
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(argument_spec={})
module.warn("mind the step")
module.exit_json(changed=False)
"""
ERASE = "\r\x1b[K"


def settings(directory: Path) -> dict[str, str]:
    """The environment of a run with the display of the lab."""
    return ansible_environment.environment(directory) | {
        "ANSIBLE_COLLECTIONS_PATH": ansible_environment.PLUGINS["ANSIBLE_COLLECTIONS_PATH"],
        "ANSIBLE_CALLBACK_PLUGINS": str(directory / "callbacks"),
        "ANSIBLE_STDOUT_CALLBACK": "scratchlab.lab.lab_progress",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }


def prepare(directory: Path) -> None:
    """Write the playbook and its plugins."""
    (directory / "site.yml").write_text(PLAYBOOK)
    for name, text in (("callbacks/broken.py", BROKEN), ("library/warns.py", WARNS)):
        (directory / name).parent.mkdir()
        (directory / name).write_text(text)


class Run:
    """What a run of the playbook showed on a terminal: all that was drawn, and what remained."""

    def __init__(self, directory: Path, *options: str, terminal: bool = True, **changes: str):
        prepare(directory)
        program = Path(sys.executable).with_name("ansible-playbook")
        python = f"ansible_python_interpreter={sys.executable}"
        ours, theirs = pty.openpty() if terminal else os.pipe()
        with subprocess.Popen(
            [program, "-i", "one,two", "-c", "local", "-e", python, "site.yml", *options],
            cwd=directory, env=settings(directory) | changes,
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        ) as process:  # fmt: skip
            os.close(theirs)
            drawn = b""
            while piece := self._read(ours):
                drawn += piece
            os.close(ours)
        self.status = process.returncode
        text = drawn.decode().replace("\r\n", "\n")
        self.drawn = text.split(ERASE)
        self.left = "\n".join(line.rpartition(ERASE)[2] for line in text.split("\n"))

    @staticmethod
    def _read(descriptor: int) -> bytes:
        try:
            return os.read(descriptor, 65536)
        except OSError:  # a terminal whose other side is closed
            return b""


def test_stages_have_their_time_and_the_last_line_what_is_done_now(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.status == 2, run.left
    assert re.search(r"^ *\[1/2\] First stage +\d+:\d\d  2 done, 1 changed$", run.left, re.M)
    assert re.search(r"^ *\[2/2\] Second stage +\d+:\d\d  3 done$", run.left, re.M)
    lines = [one for one in run.drawn if "Pass" in one]
    assert any(
        re.fullmatch(r" *\[1/2\] First stage  \d+:\d\d  \S Pass: one, two", one) for one in lines
    ), lines
    assert "Pass" not in run.left
    assert "ok: [" not in run.left
    assert re.search(r"^ +\d+:\d\d in all; 1 of 5 tasks changed something$", run.left, re.M)


def test_failures_and_warnings_are_whole_and_the_recap_names_who_dropped_out(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path)
    assert "TASK [Fail]" in run.left
    assert "fatal: [two]: FAILED!" in run.left
    assert "because two is two" in run.left
    assert run.left.count("mind the step") == 1  # Ansible shows a warning once
    assert re.search(r"^two +: .*failed=1", run.left, re.M)


@pytest.mark.parametrize("option", ["-v", "--check", "--diff", "-C", "-Dv", "--verbose"])
def test_who_asks_for_details_gets_ansibles_own(tmp_path: Path, option: str) -> None:
    run = Run(tmp_path, option)
    assert "TASK [Pass]" in run.left
    assert "PLAY RECAP" in run.left
    assert not any("[1/2]" in one for one in run.drawn)


def test_fault_of_its_own_is_named_and_ansibles_display_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path, ANSIBLE_STDOUT_CALLBACK="broken")
    assert run.status == 2
    assert "the display of progress failed (ValueError: a fault of its own)" in run.left
    assert "ok: [two]" in run.left
    assert "TASK [Go on]" in run.left
    assert "fatal: [two]: FAILED!" in run.left
    assert "PLAY RECAP" in run.left
    assert run.left.count("the display of progress failed") == 1


def test_without_a_terminal_ansibles_display_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path, terminal=False)
    assert "the display of progress failed (OSError" in run.left
    assert "TASK [Go on]" in run.left
    assert ERASE not in "".join(run.drawn)


def test_list_of_tasks_is_ansibles_own(tmp_path: Path) -> None:
    run = Run(tmp_path, "--list-tasks")
    assert run.status == 0
    assert "play #1 (all): First stage" in run.left
    assert len(run.drawn) == 1


def test_password_is_asked_for_before_anything_is_drawn(tmp_path: Path) -> None:
    prepare(tmp_path)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, "-i", "one,", "-c", "local", "--ask-become-pass", "site.yml"]
        os.execve(program, command, settings(tmp_path))
    shown = b""
    while b"BECOME password: " not in shown:
        shown += Run._read(terminal)
    assert b"[1/2]" not in shown
    os.write(terminal, b"secret\n")
    while piece := Run._read(terminal):
        shown += piece
    os.close(terminal)
    os.waitpid(child, 0)
    assert b"[1/2] First stage" in shown
    assert b"secret" not in shown
