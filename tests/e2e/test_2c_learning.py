"""A student's answers travel in the report, and nothing of them survives a reset."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

from tests.e2e import door

GRADED = Path("/var/lib/scratchlab/quiz/graded.json")
ROOM = door.ROOT / "reports"


def scratchlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/local/bin/scratchlab", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=door.environment(),
    )


def containers() -> set[str]:
    done = subprocess.run(
        ["docker", "container", "ls", "--all", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
        env=door.environment(),
    )
    return set(done.stdout.split())


def test_answers_travel_in_the_report_and_the_gradebook(tmp_path: Path) -> None:
    key = scratchlab("worksheet", "sleep", "--key")
    assert key.returncode == 0, key.stderr
    answers = {line.split()[0]: line.split()[1] for line in key.stdout.splitlines()}
    (tmp_path / "answers.json").write_text(json.dumps({"answers": answers}))
    quiz = scratchlab("quiz", "sleep", "--answers", str(tmp_path / "answers.json"))
    assert quiz.returncode == 0, quiz.stdout + quiz.stderr
    assert scratchlab("exercise", "start").returncode == 0
    assert scratchlab("exercise", "check", "/nowhere", "kernel").returncode == 1
    done = door.lab("--tags", "verify,report")
    assert done.returncode == 0, done.stdout
    carried = door.report()["quiz"]
    assert carried["points"] == carried["of"] == 2 * len(answers)
    assert carried["exercise"]["points"] == 0
    (row,) = csv.DictReader((ROOM / "room.csv").read_text().splitlines())
    assert (row["machine"], row["state"], row["doubts"]) == ("localhost", "passed", "")
    assert (row["quiz"], row["exercise"]) == (str(carried["of"]), "0")


def test_no_stale_result_survives_a_reset() -> None:
    assert GRADED.exists()
    assert "exercise" in containers()
    done = door.lab("reset")
    assert done.returncode == 0, done.stdout
    assert not GRADED.exists()
    assert not containers() & {"sleep", "exercise"}
    assert not list(ROOM.rglob("*")), "no page, no gradebook, no trend, no worksheet"
    done = door.lab("--tags", "run,verify,report")
    assert done.returncode == 0, done.stdout
    assert "quiz" not in door.report()
    assert json.loads((ROOM / "localhost/history.json").read_text())["runs"][:-1] == []
