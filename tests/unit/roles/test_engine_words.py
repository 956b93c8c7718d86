"""What dockerd said last, from its own lines of one start (journald, the supervisor)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.scratchlab.lab.plugins.modules.engine_service import last_words

SUPERVISOR = Path(__file__).resolve().parents[3] / "roles/docker_host/files/engine"
REFUSED = (
    "unable to configure the Docker daemon with file /etc/docker/daemon.json: the following "
    "directives don't match any configuration option: no-such-option"
)
# Docker 20.10.24 on Debian 12: a restart, whose first lines are of the engine that ends.
RESTART = (
    'time="2026-11-28T07:04:21.017204101Z" level=info msg="ignoring event" container=45f673b7f80a '
    'module=libcontainerd namespace=moby topic=/tasks/delete type="*events.TaskDelete"\n'
    'time="2026-11-28T07:04:21.402811088Z" level=info msg="Daemon shutdown complete"\n'
    f"{REFUSED}\n{REFUSED}\n"
)
STARTING = (
    'time="2026-11-28T07:05:01.1Z" level=info msg="Starting up"\n'
    'time="2026-11-28T07:05:01.2Z" level=warning msg="could not change group /run/docker.sock"\n'
    "failed to start daemon: error initializing graphdriver: driver not supported: nonsense\n"
)
CALM = 'time="2026-11-28T07:05:01.1Z" level=info msg="Starting up"\n'
CASES = {
    "refused option": (RESTART, REFUSED),
    "storage driver": (STARTING, STARTING.splitlines()[-1]),
}


@pytest.mark.parametrize(("log", "words"), CASES.values(), ids=CASES)
def test_plain_line_is_what_dockerd_said_last(log: str, words: str) -> None:
    assert last_words(log) == words


@pytest.mark.parametrize(("log", "words"), CASES.values(), ids=CASES)
def test_supervisor_quotes_the_same(tmp_path: Path, log: str, words: str) -> None:
    (function,) = [
        line for line in SUPERVISOR.read_text().splitlines() if line.startswith("last_words()")
    ]
    (tmp_path / "log").write_text(log)
    done = subprocess.run(
        ["sh", "-c", f"log=$1; {function}; last_words", "sh", str(tmp_path / "log")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == words


def test_engine_that_says_nothing_serious_is_quoted_all_the_same() -> None:
    assert last_words(CALM) == CALM.strip()
    assert last_words("") == ""
