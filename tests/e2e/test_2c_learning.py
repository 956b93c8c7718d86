"""A student's answers are in the report and the gradebook, and a reset removes them."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

from tests.e2e import lab_command

GRADED = Path("/var/lib/scratchlab/quiz/graded.json")
REPORTS = lab_command.ROOT / "reports"


def scratchlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/local/bin/scratchlab", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=lab_command.environment(),
    )


def containers() -> set[str]:
    done = subprocess.run(
        ["docker", "container", "ls", "--all", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
        env=lab_command.environment(),
    )
    return set(done.stdout.split())


def test_answers_are_in_the_report_and_the_gradebook(tmp_path: Path) -> None:
    key = scratchlab("worksheet", "sleep", "--key")
    assert key.returncode == 0, key.stderr
    answers = {line.split()[0]: line.split()[1] for line in key.stdout.splitlines()}
    (tmp_path / "answers.json").write_text(json.dumps({"answers": answers}))
    quiz = scratchlab("quiz", "sleep", "--answers", str(tmp_path / "answers.json"))
    assert quiz.returncode == 0, quiz.stdout + quiz.stderr
    assert scratchlab("exercise", "start").returncode == 0
    assert scratchlab("exercise", "check", "/nowhere", "kernel").returncode == 1
    done = lab_command.run("collect")
    assert done.returncode == 0, done.stdout
    quiz_result = lab_command.report()["quiz"]
    assert quiz_result["points"] == quiz_result["of"] == 2 * len(answers)
    assert quiz_result["exercise"]["points"] == 0
    (row,) = csv.DictReader((REPORTS / "room.csv").read_text().splitlines())
    assert (row["machine"], row["state"], row["doubts"]) == ("localhost", "passed", "")
    assert (row["quiz"], row["exercise"]) == (str(quiz_result["of"]), "0")


def test_reset_removes_every_result() -> None:
    assert GRADED.exists()
    assert "exercise" in containers()
    done = lab_command.run("reset")
    assert done.returncode == 0, done.stdout
    assert not GRADED.exists()
    # The answers are the student's too, in their own home: that is theirs to remove.
    reset = scratchlab("learn", "reset", "--yes")
    assert "removed: " in reset.stdout, reset.stderr
    assert not containers() & {"sleep", "exercise"}
    assert not list(REPORTS.rglob("*")), "no page, no gradebook, no trend, no worksheet"
    done = lab_command.run("--tags", "run,verify,report")
    assert done.returncode == 0, done.stdout
    assert "quiz" not in lab_command.report()
    assert json.loads((REPORTS / "localhost/history.json").read_text())["runs"][:-1] == []
