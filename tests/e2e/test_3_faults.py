"""What goes wrong in a classroom: each ends in one clear message, and the next run converges."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import door

ENGINE = Path("/usr/local/lib/scratchlab/engine")
OURS = (door.RECEIPTS / "engine.json").exists()


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True, env=door.environment()
    )
    return done.stdout.strip()


def stop_engine() -> None:
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "stop", "docker.socket", "docker.service"], check=True)
    else:
        subprocess.run([str(ENGINE), "stop"], check=True)


@pytest.fixture
def foreign() -> Iterator[str]:
    """Someone's container, called sleep."""
    door.lab("reset")
    name = docker("run", "--detach", "--name", "sleep", "scratchlab-debug", "sleep", "600")
    yield name
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def test_a_container_of_someone_else_stays_and_the_message_says_how_to_go_on(foreign: str) -> None:
    done = door.lab()
    assert done.returncode == 2
    assert "docker rename sleep my-sleep" in done.stdout
    assert "sleep_container_name=" in done.stdout
    assert docker("inspect", "--format", "{{.Id}} {{.State.Running}}", "sleep") == f"{foreign} true"


def test_beside_a_container_of_someone_else_the_lab_runs_under_another_name(foreign: str) -> None:
    done = door.lab("-e", "sleep_container_name=lab-sleep")
    assert done.returncode == 0, done.stdout
    assert set(door.verdicts().values()) == {"pass"}
    assert docker("inspect", "--format", "{{.Id}}", "sleep") == foreign
    door.lab("reset")
    assert docker("inspect", "--format", "{{.Id}}", "sleep") == foreign


@pytest.mark.skipif(not OURS, reason="this engine is someone else's and is not stopped")
def test_an_engine_that_was_stopped_is_started_again() -> None:
    stop_engine()
    done = door.lab()
    assert done.returncode == 0, done.stdout
    assert set(door.verdicts().values()) == {"pass"}


@pytest.mark.skipif(not OURS, reason="this engine is someone else's and is not configured")
def test_a_damaged_daemon_json_is_named_and_left_as_it_is() -> None:
    path = Path("/etc/docker/daemon.json")
    before = path.read_bytes() if path.exists() else None
    path.write_text('{"mtu": ')
    try:
        done = door.lab("-e", json.dumps({"docker_host_daemon_options": {"debug": False}}))
        assert done.returncode == 2
        assert "/etc/docker/daemon.json is not valid JSON" in done.stdout
        assert path.read_text() == '{"mtu": '
    finally:
        path.unlink() if before is None else path.write_bytes(before)


def test_a_program_that_was_replaced_is_built_again() -> None:
    program = Path("/var/lib/scratchlab/build/sleep/sleep")
    program.write_bytes(Path("/bin/true").read_bytes())
    done = door.lab()
    assert done.returncode == 0, done.stdout
    assert set(door.verdicts().values()) == {"pass"}


def test_an_image_that_was_deleted_is_built_again() -> None:
    docker("rm", "--force", "sleep")
    docker("rmi", "sleep", "scratchtest")
    done = door.lab()
    assert done.returncode == 0, done.stdout
    assert set(door.verdicts().values()) == {"pass"}


def test_a_full_disk_is_named_and_the_next_run_converges() -> None:
    build = Path("/var/lib/scratchlab/build/sleep")
    (build / "sleep").unlink()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(build)], check=True)
    try:
        done = door.lab()
        assert done.returncode == 2
        assert "no space left" in done.stdout.lower()
        assert "Traceback" not in done.stdout
    finally:
        subprocess.run(["umount", str(build)], check=True)
    done = door.lab()
    assert done.returncode == 0, done.stdout
