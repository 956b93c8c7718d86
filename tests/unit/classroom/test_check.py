"""./lab check before class, with a real Ansible: which machine is ready, which is not, and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests import ansible_environment

ROOT = Path(__file__).resolve().parents[3]
HOSTS = {
    "ready": {},
    "small": {"lab_check_disk_mib": 999_999_999, "lab_check_memory_mib": 999_999_999},
    "late": {"lab_check_clock_seconds": -1},
    "gone": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run the playbook and print the table, in a copy of the lab's directory."""
    here = tmp_path_factory.mktemp("lab")
    for name in ("ansible.cfg", "collections", "plugins", "roles", "scripts"):
        (here / name).symlink_to(ROOT / name)
    (here / "playbooks").mkdir()
    for name in ("check.yml", "controller.yml"):
        (here / "playbooks" / name).write_text((ROOT / "playbooks" / name).read_text())
    # The record must not depend on what a user enables.
    (here / "playbooks" / "callback_plugins").symlink_to(ROOT / "plugins" / "callback")
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (here / "classroom.yml").write_text(json.dumps({"all": {"vars": local, "hosts": HOSTS}}))
    program = Path(sys.executable).with_name("ansible-playbook")
    run = subprocess.run(
        [str(program), "-i", "classroom.yml", "playbooks/check.yml"],
        cwd=here,
        env=ansible_environment.environment(here)
        | {"ANSIBLE_CONFIG": str(here / "ansible.cfg"), "ANSIBLE_CALLBACKS_ENABLED": "junit"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "callback" not in run.stdout + run.stderr
    assert "gone: nothing answers on port 1 of 127.0.0.1" in run.stdout, "said by hand as well"
    return subprocess.run(
        [sys.executable, "scripts/show_readiness.py", ".cache/check"],
        cwd=here,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def line(checked: subprocess.CompletedProcess[str], name: str) -> list[str]:
    lines = checked.stdout.splitlines()
    return next(line for line in lines if line.startswith(name)).split()[1:]


def test_unready_machine_exits_with_1(checked: subprocess.CompletedProcess[str]) -> None:
    assert checked.returncode == 1, checked.stderr
    assert " of 4 machines are ready" in checked.stdout.splitlines()[-1]


def test_all_questions_are_answered_before_a_machine_fails(
    checked: subprocess.CompletedProcess[str],
) -> None:
    assert line(checked, "small")[:6] == ["yes", "yes", "yes", "yes", "NO", "NO"]
    assert line(checked, "late")[:3] == ["yes", "NO", "yes"]
    assert line(checked, "ready")[:8] == ["yes"] * 8
    assert line(checked, "gone") == ["NO"]


def test_missing_requirement_is_shown_with_its_remedy(
    checked: subprocess.CompletedProcess[str],
) -> None:
    assert "MiB free of 999999999 MiB needed; make room" in checked.stdout
    assert "timedatectl" in checked.stdout
    assert "gone: " in checked.stdout
    assert "Connection refused -- on the machine: apt-get install openssh-server" in " ".join(
        checked.stdout.split()
    )


def test_missing_record_exits_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/show_readiness.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "no machine was checked" in done.stderr
