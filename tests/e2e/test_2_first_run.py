"""From bare to proved: killed in every stage, then a complete run, then one without changes."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e import lab_command

# Task, and seconds after it was announced at which it is in the middle of its work.
STAGES = [
    ("scratchlab.lab.docker_host : Install", 4.0),
    ("scratchlab.lab.docker_host : Run the engine", 0.3),
    ("scratchlab.lab.scratch_images : Build the images", 0.5),
    ("scratchlab.lab.scratch_images : Build the images", 3.0),
    ("scratchlab.lab.sleep_container : Run the container", 0.3),
    ("scratchlab.lab.rootfs_verification : Run the experiments", 0.5),
]


@pytest.mark.parametrize(("task", "seconds"), STAGES[:2], ids=str)
def test_kill_while_provisioning_leaves_no_half_written_receipt(task: str, seconds: float) -> None:
    output = lab_command.run_until(task, seconds=seconds, signal_=signal.SIGKILL)
    assert "PLAY RECAP" not in output
    for receipt in lab_command.RECEIPTS.glob("*.json"):
        json.loads(receipt.read_text())


def test_ctrl_c_ends_at_once_with_a_status_that_says_so() -> None:
    output = lab_command.run_until(
        "scratchlab.lab.golang : Record which Go the lab uses", seconds=0, signal_=signal.SIGINT
    )
    assert "Traceback" not in output


def test_first_complete_run_proves_every_experiment() -> None:
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
    assert lab_command.verdicts() == dict.fromkeys(lab_command.EXPERIMENTS, "pass")


def test_output_ends_with_the_table() -> None:
    done = lab_command.run()
    table = done.stdout[done.stdout.rindex("PLAY RECAP") :]
    assert re.findall(r"\bE\d\d\b", table) == lab_command.EXPERIMENTS
    assert (
        f"{len(lab_command.EXPERIMENTS)} of {len(lab_command.EXPERIMENTS)} checks passed"
        in table.splitlines()[-2]
    )
    assert table.splitlines()[-1].startswith("Next: open ")


def test_report_has_the_entries_of_the_article() -> None:
    report = lab_command.report()
    assert report["summary"]["image_entries"] == 1
    top = {entry["path"].split("/")[1] for entry in report["entries"] if entry["path"] != "/"}
    assert top == {".dockerenv", "dev", "etc", "proc", "sleep", "sys"}
    assert report["summary"]["unexplained"] == 0


def test_html_page_is_beside_the_report() -> None:
    page = lab_command.REPORT.with_name("index.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert lab_command.report()["image"]["ledger_digest"] in page


def test_controller_without_build_and_reports_fetches_report_and_page() -> None:
    (lab_command.ROOT / "build/scratchlab").unlink()
    shutil.rmtree(lab_command.ROOT / "reports")
    done = lab_command.run("--tags", "report")
    assert done.returncode == 0, done.stdout
    assert set(lab_command.verdicts().values()) == {"pass"}
    assert (
        lab_command.REPORT.with_name("index.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    )
    assert (lab_command.ROOT / "reports/index.html").exists()


def test_second_run_changes_nothing() -> None:
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
    counts = lab_command.recap(done.stdout)
    assert {host: c["changed"] for host, c in counts.items()} == {"localhost": 0}


def test_check_mode_on_the_provisioned_machine_announces_nothing() -> None:
    done = lab_command.run("--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert lab_command.recap(done.stdout)["localhost"]["changed"] == 0


def test_one_experiment_runs_with_its_requirements_only() -> None:
    done = lab_command.run("--tags", "E04")
    assert done.returncode == 0, done.stdout
    assert lab_command.verdicts() == {"E04": "pass"}


def test_scratchlab_verifies_the_container_from_the_shell() -> None:
    done = subprocess.run(
        ["/usr/local/bin/scratchlab", "verify", "sleep"],
        capture_output=True,
        text=True,
        check=False,
        env=lab_command.environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("task", "seconds"), STAGES[2:], ids=str)
def test_run_after_a_kill_in_a_later_stage_converges(task: str, seconds: float) -> None:
    lab_command.run("reset")
    stamp = Path("/var/lib/scratchlab/build/sleep/sleep")
    stamp.unlink(missing_ok=True)  # so that the build has work to do
    lab_command.run_until(task, seconds=seconds, signal_=signal.SIGKILL)
    done = lab_command.run()
    assert done.returncode == 0, done.stdout
    assert set(lab_command.verdicts().values()) == {"pass"}
