"""The record of a run, written by a real Ansible: how each machine ended, and why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests import ansible_environment
from tests.rooms import sha1

LAB = """
- name: Provision
  hosts: all
  gather_facts: false
  tasks:
    - name: Look at the machine
      ansible.builtin.set_fact:
        _: 1
    - name: Install
      ansible.builtin.command: {cmd: "{{ provision | default('true') }}"}
      changed_when: false
    - name: Never mind
      ansible.builtin.command: "false"
      changed_when: false
      ignore_errors: true

- name: Verify
  hosts: all
  gather_facts: false
  tags: [verify]
  tasks:
    - name: Run the experiments
      scratchlab.lab.run_experiments:
        argv: [/bin/sh, "{{ playbook_dir }}/examine"]
        dest: "{{ playbook_dir }}/reports/{{ inventory_hostname }}/report.json"
        page: "{{ playbook_dir }}/reports/{{ inventory_hostname }}/index.html"
      register: examined

- name: Report
  hosts: all
  gather_facts: false
  tags: [report]
  tasks:
    - name: Bring the report back
      scratchlab.lab.bring_report:
        src: "{{ playbook_dir }}/source.json"
        dest: "{{ playbook_dir }}/reports/{{ inventory_hostname }}/report.json"
        page: "{{ playbook_dir }}/reports/{{ inventory_hostname }}/index.html"
      when: (examined | default({})).checksum is not defined
"""
EXAMINE = """
echo scratchlab-begin
echo a table
echo scratchlab-report eJyrrgUAAXUA+Q==
"""
INVENTORY: dict[str, Any] = {
    "all": {
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        "hosts": {
            "anna": {"ansible_user": "student"},
            "ben": {"provision": "/bin/sh -c 'echo no space left >&2; exit 3'"},
            "cleo": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
        },
    }
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    (tmp_path / "lab.yml").write_text(LAB)
    (tmp_path / "inventory.json").write_text(json.dumps(INVENTORY))
    (tmp_path / "source.json").write_text("{}")
    (tmp_path / "examine").write_text(EXAMINE)
    return tmp_path


def start(lab: Path, *arguments: str, playbook: str = "lab.yml") -> subprocess.Popen[str]:
    program = Path(sys.executable).with_name("ansible-playbook")
    return subprocess.Popen(
        [str(program), "-i", "inventory.json", playbook, *arguments],
        cwd=lab,
        env=ansible_environment.environment(lab) | ansible_environment.PLUGINS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_collecting_is_recorded_beside_the_lab(lab: Path) -> None:
    (lab / "playbooks").mkdir()
    text = LAB.replace("{{ playbook_dir }}", "{{ playbook_dir }}/..")
    (lab / "playbooks/collect.yml").write_text(text)
    output = run(lab, "-l", "anna", playbook="playbooks/collect.yml")
    assert json.loads((lab / "reports/anna/status.json").read_text())["state"] == "done", output


def test_the_record_lies_where_lab_reports_says(lab: Path) -> None:
    output = run(lab, "-l", "anna", "-e", "slice=7", "-e", "lab_reports=kept/{{ slice }}")
    assert (lab / "kept/7/run.json").exists(), output
    assert json.loads((lab / "kept/7/anna/status.json").read_text())["state"] == "done"
    assert not (lab / "reports/run.json").exists()


def run(lab: Path, *arguments: str, playbook: str = "lab.yml") -> str:
    return start(lab, *arguments, playbook=playbook).communicate(timeout=120)[0]


def status(lab: Path, host: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((lab / "reports" / host / "status.json").read_text())
    return found


def test_record_shows_how_each_machine_ended_and_why(lab: Path) -> None:
    output = run(lab)
    assert "callback" not in output, output
    anna, ben, cleo = (status(lab, name) for name in ("anna", "ben", "cleo"))
    assert (anna["state"], anna["stage"], anna["reason"]) == ("done", "Report", "")
    assert anna["report"] == sha1(lab / "reports/anna/report.json")
    assert anna["ansible_user"] == "student"
    assert anna["seconds"] > 0
    assert (ben["state"], ben["stage"], ben["task"]) == ("failed", "Provision", "Install")
    assert "no space left" in ben["reason"]
    assert (cleo["state"], cleo["report"]) == ("unreachable", None)
    assert "refused" in cleo["reason"]
    written = json.loads((lab / "reports/run.json").read_text())
    assert written["hosts"] == written["chosen"] == ["anna", "ben", "cleo"]
    assert written["inventory"] == ["inventory.json"], "as it is typed after ./lab"
    assert written["engine_url"] == ""
    assert written["ended"]

    # A second run of one machine: its report belongs to this run, the others keep their record.
    run(lab, "-l", "anna", "-e", "lab_engine_url=ssh://root@engine.example")
    assert status(lab, "anna")["report"] == anna["report"]
    assert status(lab, "anna")["started"] >= anna["started"]
    assert (status(lab, "ben"), status(lab, "cleo")) == (ben, cleo)
    written = json.loads((lab / "reports/run.json").read_text())
    assert (written["chosen"], len(written["hosts"])) == (["anna"], 3)
    assert written["engine_url"] == "ssh://root@engine.example"


def test_record_knows_when_the_experiments_ran_and_keeps_that(lab: Path) -> None:
    run(lab, "-l", "anna")
    first = status(lab, "anna")
    assert first["started"] <= first["checked"] <= first["ended"]
    run(lab, "-l", "anna", "--tags", "report")
    second = status(lab, "anna")
    assert second["report"] == first["report"]
    assert second["checked"] == first["checked"], "answers were fetched, no experiment ran"
    (lab / "reports" / "anna" / "status.json").write_text("[]")
    output = run(lab, "-l", "anna", "--tags", "report")
    assert "callback" not in output, output
    assert status(lab, "anna")["checked"] == ""


@pytest.mark.parametrize(
    "arguments", [("--check",), ("--tags", "provision"), ("--skip-tags", "report")], ids=str
)
def test_run_without_the_report_stage_records_nothing(
    lab: Path, arguments: tuple[str, ...]
) -> None:
    run(lab, *arguments)
    assert not (lab / "reports" / "run.json").exists()


def test_killed_run_leaves_its_record_so_far(lab: Path) -> None:
    process = start(lab, "-l", "anna", "-e", "provision='sleep 5'")
    record = lab / "reports" / "anna" / "status.json"
    end = time.monotonic() + 60
    while not record.exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert status(lab, "anna")["state"] == "running"
    assert status(lab, "anna")["ended"] is None
