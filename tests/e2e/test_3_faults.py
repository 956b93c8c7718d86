"""Faults of a classroom: each ends in one clear message, and the next run converges."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import lab_command

ENGINE = Path("/usr/local/lib/scratchlab/engine")
INSTALLED_BY_LAB = (lab_command.RECEIPTS / "engine.json").exists()


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=lab_command.environment(),
    )
    return done.stdout.strip()


def stop_engine() -> None:
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "stop", "docker.socket", "docker.service"], check=True)
    else:
        subprocess.run([str(ENGINE), "stop"], check=True)


@pytest.fixture
def other_container() -> Iterator[str]:
    """A container called sleep that is not the lab's; its id."""
    lab_command.run("reset")
    container_id = docker("run", "--detach", "--name", "sleep", "scratchlab-debug", "sleep", "600")
    yield container_id
    subprocess.run(["docker", "rm", "--force", container_id], capture_output=True, check=False)


def test_other_container_of_that_name_stays_and_the_message_has_the_remedy(
    other_container: str,
) -> None:
    done = lab_command.run()
    assert done.returncode == 2
    assert "docker rename sleep my-sleep" in done.stdout
    assert "sleep_container_name=" in done.stdout
    assert (
        docker("inspect", "--format", "{{.Id}} {{.State.Running}}", "sleep")
        == f"{other_container} true"
    )


def test_lab_runs_beside_it_under_another_name(other_container: str) -> None:
    done = lab_command.run("-e", "sleep_container_name=lab-sleep")
    assert done.returncode == 0, done.stdout
    assert set(lab_command.verdicts().values()) == {"pass"}
    assert docker("inspect", "--format", "{{.Id}}", "sleep") == other_container
    lab_command.run("reset")
    assert docker("inspect", "--format", "{{.Id}}", "sleep") == other_container


@pytest.mark.skipif(
    not INSTALLED_BY_LAB, reason="the lab did not install this engine and does not stop it"
)
def test_stopped_engine_is_started_again() -> None:
    stop_engine()
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
    assert set(lab_command.verdicts().values()) == {"pass"}


@pytest.mark.skipif(
    not INSTALLED_BY_LAB, reason="the lab did not install this engine and does not configure it"
)
def test_invalid_daemon_json_is_reported_and_stays() -> None:
    path = Path("/etc/docker/daemon.json")
    before = path.read_bytes() if path.exists() else None
    path.write_text('{"mtu": ')
    try:
        done = lab_command.run("-e", json.dumps({"docker_host_daemon_options": {"debug": False}}))
        assert done.returncode == 2
        assert "/etc/docker/daemon.json is not valid JSON" in done.stdout
        assert path.read_text() == '{"mtu": '
    finally:
        path.unlink() if before is None else path.write_bytes(before)


def test_replaced_program_is_built_again() -> None:
    program = Path("/var/lib/scratchlab/build/sleep/sleep")
    program.write_bytes(Path("/bin/true").read_bytes())
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
    assert set(lab_command.verdicts().values()) == {"pass"}


def test_deleted_image_is_built_again() -> None:
    docker("rm", "--force", "sleep")
    docker("rmi", "sleep", "scratchtest")
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
    assert set(lab_command.verdicts().values()) == {"pass"}


def test_drift_of_the_labs_container_is_named_by_the_last_line() -> None:
    docker("cp", "/etc/hostname", "sleep:/drift")
    try:
        done = lab_command.run()
        assert done.returncode == 2, "0 or 2, whatever scratchlab's own status is"
        last = done.stdout.rstrip().splitlines()[-1]
        assert last.startswith("1 check failed (E07)")
        assert last.endswith("also 1 written since the start")
        assert lab_command.verdicts()["E07"] == "fail"
        assert lab_command.report()["verdict"]["status"] == 1
        room = (lab_command.REPORT.parents[1] / "room.tap").read_text()
        assert "not ok 1 - localhost" in room
        page = lab_command.REPORT.with_name("index.html").read_text()
        assert '<p class="verdict alarm">' in page
    finally:
        docker("rm", "--force", "sleep")
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
    assert lab_command.report()["verdict"]["status"] == 0


def test_full_disk_is_reported_and_the_next_run_converges() -> None:
    build = Path("/var/lib/scratchlab/build/sleep")
    (build / "sleep").unlink()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(build)], check=True)
    try:
        done = lab_command.run()
        assert done.returncode == 2
        assert "no space left" in done.stdout.lower()
        assert "Traceback" not in done.stdout
    finally:
        subprocess.run(["umount", str(build)], check=True)
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
