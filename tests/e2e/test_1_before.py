"""Before anything is installed: ./lab has clear messages and changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e import lab_command


def test_snapshot_of_the_bare_machine_was_taken() -> None:
    assert (lab_command.STATE / "before.json").stat().st_size > 1000
    assert not Path("/var/lib/scratchlab/build").exists(), "run ./lab destroy, then test again"


def test_help_names_every_verb() -> None:
    done = lab_command.run("help")
    assert done.returncode == 0
    for verb in ("./lab reset", "./lab destroy", "./lab test", "./lab help"):
        assert verb in done.stdout


def test_unknown_verb_is_one_clear_line() -> None:
    done = lab_command.run("destory")
    assert done.returncode == 2
    assert done.stdout == "lab: no such verb: destory (./lab help shows what there is)\n"


def test_destroy_without_a_lab_changes_nothing() -> None:
    done = lab_command.run("destroy")
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout or "nothing to destroy" in done.stdout


def test_check_mode_on_the_bare_machine_announces_changes_and_makes_none() -> None:
    done = lab_command.run("--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert lab_command.recap(done.stdout)["localhost"]["changed"] > 0
    assert not Path("/var/lib/scratchlab/build").exists()
    assert not (lab_command.RECEIPTS / "before.json").exists()


def test_unreachable_mirror_is_reported_with_its_remedy() -> None:
    dead = Path("/etc/apt/apt.conf.d/99scratchlab-test")
    dead.write_text(
        'Acquire::http::Proxy "http://127.0.0.1:9/";\nAcquire::https::Proxy "DIRECT";\n'
    )
    try:
        done = lab_command.run(env={"PIP_NO_INDEX": "0"})
    finally:
        dead.unlink()
    assert done.returncode == 2, done.stdout
    message = next(line for line in done.stdout.splitlines() if "apt could not" in line)
    assert "check the network, the mirror" in message or "check the network" in done.stdout
    assert "Traceback" not in done.stdout


def test_unreachable_machine_is_reported_and_fails(tmp_path: Path) -> None:
    inventory = tmp_path / "classroom.yml"
    inventory.write_text("all: {hosts: {desk99: {ansible_host: 127.0.0.1, ansible_port: 9}}}\n")
    done = lab_command.run("-i", str(inventory))
    assert done.returncode != 0
    assert "desk99" in done.stdout
    assert "ssh" in done.stdout  # connection refused, or no ssh client on this machine
    assert "desk99" in (lab_command.ROOT / "reports" / "room.csv").read_text()
    shutil.rmtree(lab_command.ROOT / "reports")


def test_without_root_and_sudo_the_message_names_them(tmp_path: Path) -> None:
    copy = tmp_path / "lab directory"
    shutil.copytree(lab_command.ROOT / "requirements", copy / "requirements")
    shutil.copy(lab_command.ROOT / "lab", copy)
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    shutil.chown(copy, user=65534)
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    done = lab_command.run(command=(*user, "env", "PATH=/nowhere:/bin:/usr/bin", str(copy / "lab")))
    assert done.returncode == 2
    assert "needs root" in done.stdout
