"""After the class the results of a room are kept where nothing removes them, for one person."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from tests.rooms import Reports

from scratchlab.classroom.keep import is_room, keep_results
from scratchlab.cli.classroom import build_classroom
from scratchlab.errors import LabError

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 3, 2, 16, 30, 5)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A directory as ./lab has it after a class of two."""
    reports = Reports(tmp_path / "reports")
    reports.machine("desk01")
    reports.machine("desk02", report=None, state="unreachable", reason="no route to host")
    build_classroom(str(reports.finish()))
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    hosts: dict[str, dict[str, str]] = {"desk01": {}, "desk02": {}}
    (tmp_path / "classroom.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    return tmp_path


def keep(lab: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/room.py"), "keep", str(lab), "-i", "classroom.yml",
         *options],
        capture_output=True, text=True, check=False, cwd=lab,
    )  # fmt: skip


def test_all_of_it_is_kept_for_the_owner_alone(lab: Path) -> None:
    done = keep(lab)
    assert (done.returncode, done.stderr) == (0, "")
    kept = Path(done.stdout.strip())
    assert kept.parent == lab / "results"
    for name in ("index.html", "room.csv", "desk01/report.json", "desk01/history.json", "run.json"):
        assert (kept / name).read_bytes() == (lab / "reports" / name).read_bytes()
    for path in (kept.parent, kept, *kept.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    # The page of the kept room is made again from what is there.
    assert build_classroom(str(kept)).passed == 1


@pytest.mark.parametrize(
    "options",
    [["-e", "lab_keep_results=false"], ["-e", '{"lab_keep_results": false}'], ["--check"], ["-C"]],
)
def test_nothing_is_kept_where_that_was_said(lab: Path, options: list[str]) -> None:
    done = keep(lab, *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (lab / "results").exists()


def test_inventory_that_cannot_be_read_loses_no_result(lab: Path) -> None:
    (lab / "classroom.yml").unlink()
    assert (lab / "results" / os.path.basename(keep(lab).stdout.strip()) / "room.csv").is_file()


def test_two_in_one_second_have_two_directories(lab: Path) -> None:
    first, second = (keep_results(lab / "reports", lab / "results", NOW) for _ in range(2))
    assert (first.name, second.name) == ("2026-03-02-163005", "2026-03-02-163005-2")


def test_own_machine_without_a_room_keeps_nothing(tmp_path: Path) -> None:
    reports = Reports(tmp_path / "reports")
    reports.inventory = []
    reports.machine("localhost")
    assert not is_room(reports.finish())
    assert not is_room(tmp_path / "nothing")
    reports.inventory = ["inventory/localhost.yml"]
    assert not is_room(reports.finish()), "one's own machine, as ./lab without -i records it"
    reports.inventory = ["inventory/classroom.yml"]
    assert is_room(reports.finish())
    (tmp_path / "reports" / "run.json").write_text("{")
    assert is_room(tmp_path / "reports"), "what is not known is kept"


def test_link_to_elsewhere_is_not_followed(lab: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    (lab / "reports" / "desk01" / "link").symlink_to(secret)
    kept = keep_results(lab / "reports", lab / "results", NOW)
    assert (kept / "desk01" / "link").is_symlink()
    assert stat.S_IMODE(secret.stat().st_mode) == 0o644


def test_place_that_cannot_be_written_is_an_error_before_anything_is_removed(lab: Path) -> None:
    (lab / "results").write_text("a file")
    with pytest.raises(LabError, match=r"kept in .*results: File exists; make room there"):
        keep_results(lab / "reports", lab / "results", NOW)
    done = keep(lab)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert (lab / "reports" / "room.csv").exists()
