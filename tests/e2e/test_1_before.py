"""Before anything is installed: the door speaks plainly and changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e import door


def test_the_machine_as_it_is_now_was_written_down() -> None:
    assert (door.STATE / "before.json").stat().st_size > 1000
    assert not Path("/var/lib/scratchlab/build").exists(), "run ./lab destroy, then test again"


def test_help_names_every_verb() -> None:
    done = door.lab("help")
    assert done.returncode == 0
    for verb in ("./lab reset", "./lab destroy", "./lab test", "./lab help"):
        assert verb in done.stdout


def test_an_unknown_verb_is_one_clear_line() -> None:
    done = door.lab("destory")
    assert done.returncode == 2
    assert done.stdout == "lab: no such verb: destory (./lab help shows what there is)\n"


def test_destroy_where_the_lab_never_was_changes_nothing() -> None:
    done = door.lab("destroy")
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout or "nothing to destroy" in done.stdout


def test_check_mode_on_the_bare_machine_announces_changes_and_makes_none() -> None:
    done = door.lab("--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert door.recap(done.stdout)["localhost"]["changed"] > 0
    assert not Path("/var/lib/scratchlab/build").exists()
    assert not (door.RECEIPTS / "before.json").exists()


def test_a_mirror_that_cannot_be_reached_is_named_with_what_mends_it(tmp_path: Path) -> None:
    dead = tmp_path / "apt.conf"
    dead.write_text(
        'Acquire::http::Proxy "http://127.0.0.1:9/";\nAcquire::https::Proxy "DIRECT";\n'
    )
    done = door.lab(env={"APT_CONFIG": str(dead), "PIP_NO_INDEX": "0"})
    assert done.returncode == 2, done.stdout
    message = next(line for line in done.stdout.splitlines() if "apt could not" in line)
    assert "check the network, the mirror" in message or "check the network" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_machine_out_of_reach_is_reported_and_fails(tmp_path: Path) -> None:
    room = tmp_path / "room.yml"
    room.write_text("all: {hosts: {desk99: {ansible_host: 127.0.0.1, ansible_port: 9}}}\n")
    done = door.lab("-i", str(room))
    assert done.returncode != 0
    assert "desk99" in done.stdout
    assert "ssh" in done.stdout  # that it refused, or that this machine has no client
    assert "desk99" in (door.ROOT / "reports" / "room.csv").read_text()
    shutil.rmtree(door.ROOT / "reports")


def test_without_root_and_sudo_the_door_says_what_is_needed(tmp_path: Path) -> None:
    copy = tmp_path / "lab directory"
    shutil.copytree(door.ROOT / "requirements", copy / "requirements")
    shutil.copy(door.ROOT / "lab", copy)
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    shutil.chown(copy, user=65534)
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    done = door.lab(door=(*user, "env", "PATH=/nowhere:/bin:/usr/bin", str(copy / "lab")))
    assert done.returncode == 2
    assert "needs root" in done.stdout
