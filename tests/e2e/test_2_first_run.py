"""From bare to proved: killed in every stage, then one command, then again without a change."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e import door

# Task, and seconds after it was announced: in the middle of what it does.
STAGES = [
    ("scratchlab.lab.docker_host : Install", 4.0),
    ("scratchlab.lab.docker_host : Run the engine", 0.3),
    ("scratchlab.lab.scratch_images : Make the build contexts", 0.5),
    ("scratchlab.lab.scratch_images : Build the images", 0.4),
    ("scratchlab.lab.sleep_container : Run the container", 0.3),
    ("scratchlab.lab.rootfs_verification : Run the experiments", 0.5),
]


@pytest.mark.parametrize(("task", "seconds"), STAGES[:2], ids=str)
def test_killed_while_provisioning_leaves_nothing_half_written(task: str, seconds: float) -> None:
    said = door.lab_until(task, seconds=seconds, signal_=signal.SIGKILL)
    assert "PLAY RECAP" not in said
    for receipt in door.RECEIPTS.glob("*.json"):
        json.loads(receipt.read_text())


def test_ctrl_c_ends_at_once_with_a_status_that_says_so() -> None:
    said = door.lab_until(
        "scratchlab.lab.golang : Record which Go the lab uses", seconds=0, signal_=signal.SIGINT
    )
    assert "Traceback" not in said


def test_the_first_complete_run_proves_every_experiment() -> None:
    done = door.lab()
    assert done.returncode == 0, done.stdout
    assert door.verdicts() == dict.fromkeys(door.EXPERIMENTS, "pass")


def test_the_last_thing_on_the_screen_is_the_table() -> None:
    done = door.lab()
    table = done.stdout[done.stdout.rindex("PLAY RECAP") :]
    assert re.findall(r"\bE\d\d\b", table) == door.EXPERIMENTS
    assert (
        f"{len(door.EXPERIMENTS)} of {len(door.EXPERIMENTS)} checks passed"
        in table.splitlines()[-1]
    )


def test_the_report_says_what_the_article_saw() -> None:
    report = door.report()
    assert report["summary"]["image_entries"] == 1
    top = {entry["path"].split("/")[1] for entry in report["entries"] if entry["path"] != "/"}
    assert top == {".dockerenv", "dev", "etc", "proc", "sleep", "sys"}
    assert report["summary"]["unexplained"] == 0


def test_a_page_for_a_browser_lies_beside_the_report() -> None:
    page = door.REPORT.with_name("index.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert door.report()["image"]["ledger_digest"] in page


def test_a_controller_that_verified_nothing_yet_brings_report_and_page() -> None:
    (door.ROOT / "build/scratchlab").unlink()
    shutil.rmtree(door.ROOT / "reports")
    done = door.lab("--tags", "report")
    assert done.returncode == 0, done.stdout
    assert set(door.verdicts().values()) == {"pass"}
    assert door.REPORT.with_name("index.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert (door.ROOT / "reports/index.html").exists()


def test_a_second_run_changes_nothing() -> None:
    done = door.lab()
    assert done.returncode == 0, done.stdout
    counts = door.recap(done.stdout)
    assert {host: c["changed"] for host, c in counts.items()} == {"localhost": 0}


def test_check_mode_on_the_provisioned_machine_announces_nothing() -> None:
    done = door.lab("--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert door.recap(done.stdout)["localhost"]["changed"] == 0


def test_one_experiment_runs_with_what_it_needs_and_nothing_else() -> None:
    done = door.lab("--tags", "E04")
    assert done.returncode == 0, done.stdout
    assert door.verdicts() == {"E04": "pass"}


def test_scratchlab_verifies_the_container_from_the_shell() -> None:
    done = subprocess.run(
        ["/usr/local/bin/scratchlab", "verify", "sleep"],
        capture_output=True,
        text=True,
        check=False,
        env=door.environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("task", "seconds"), STAGES[2:], ids=str)
def test_killed_in_a_later_stage_the_next_run_converges(task: str, seconds: float) -> None:
    door.lab("reset")
    stamp = Path("/var/lib/scratchlab/build/sleep/sleep")
    stamp.unlink(missing_ok=True)  # so that there is something to build again
    door.lab_until(task, seconds=seconds, signal_=signal.SIGKILL)
    done = door.lab()
    assert done.returncode == 0, done.stdout
    assert set(door.verdicts().values()) == {"pass"}
