"""What the commands of the documents need, and the table of what became of each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest
from docker.models.containers import Container

from tests.commands import written
from tests.integration.conftest import LABEL, SESSION, context, docker_client

__all__ = ["docker_client"]  # the fixture; it removes what a session that was killed has left

ROOT = written.ROOT
SHIM = f'#!/bin/sh\nPYTHONPATH={ROOT}/scripts exec {sys.executable} -m scratchlab "$@"\n'
# As of a PostgreSQL from Debian, which docs/verifier.md shows.
DATA = "/var/lib/postgresql/15/main"
KEPT = ("/run/kept", f"{DATA}/PG_VERSION", f"{DATA}/a", f"{DATA}/b", f"{DATA}/c")
WRITTEN = [
    "/dev/shm/PostgreSQL.1617867770", "/dev/shm/PostgreSQL.1617867771",
    "/run/postgresql/.s.PGSQL.5432.lock", "/run/postgresql/15-main.pid",
    *(f"{DATA}/new{number}" for number in range(5)),
]  # fmt: skip


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each command: its documents, the command, the result."""
    rows = [
        (dict(report.user_properties), outcome, report.duration)
        for outcome in ("passed", "failed", "skipped")
        for report in terminalreporter.getreports(outcome)
        if report.user_properties
    ]
    width = max((len(row["documents"]) for row, _, _ in rows), default=0)
    for row, outcome, seconds in sorted(rows, key=lambda one: one[0]["documents"]):
        terminalreporter.write_line(
            f"{row['documents']:<{width}}  {outcome:<7} {seconds:5.1f} s  {row['command']}"
        )


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository, with what is not committed, and with this Python in both of its
    environments."""
    place = tmp_path_factory.mktemp("clone") / "lab"
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(place))
    for name in git("ls-files", "-z", "--modified", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    git("add", "--all", at=place)
    git(*identity, "commit", "--quiet", "--allow-empty", "--message", "as it is here", at=place)
    (place / ".cache").mkdir()
    for environment in (".venv", ".cache/test-venv"):
        (place / environment).symlink_to(sys.prefix)
    return place


def git(*words: str, at: Path = ROOT) -> str:
    """Run git there; returns its output."""
    done = subprocess.run(["git", *words], cwd=at, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a program `scratchlab` that is this source tree."""
    directory = tmp_path_factory.mktemp("programs")
    (directory / "scratchlab").write_text(SHIM)
    (directory / "scratchlab").chmod(0o755)
    return directory


@pytest.fixture(scope="session")
def db(docker_client: docker.DockerClient) -> Iterator[Container]:
    """A container `db` that has changed since its start as a database server does."""
    if docker_client.containers.list(all=True, filters={"name": "^/db$"}):
        pytest.skip("this machine has a container db of its own")
    tag = f"{SESSION}-documents"
    dockerfile = "FROM sleep\nCOPY kept /\n"
    files = {f"kept{path}": path.encode() for path in KEPT}
    image, _ = docker_client.images.build(
        fileobj=context(dockerfile, files),
        custom_context=True, tag=tag, labels={LABEL: SESSION}, rm=True, forcerm=True,
    )  # fmt: skip
    container = docker_client.containers.create(
        image, name="db", labels={LABEL: SESSION}, network_mode="none"
    )
    try:
        container.start()
        container.reload()
        serve(Path(f"/proc/{container.attrs['State']['Pid']}/root"))
        yield container
    finally:
        container.remove(force=True, v=True)
        docker_client.images.remove(tag, force=True)


def serve(root: Path) -> None:
    """Add, alter and delete files below ``root``."""
    for name in WRITTEN:
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("written\n")
    here = os.getcwd()
    os.chdir(root / "run/postgresql")  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(".s.PGSQL.5432")
    os.chdir(here)
    for name in ("a", "b"):
        (root / f"{DATA}/{name}".lstrip("/")).write_text("altered\n")
    (root / f"{DATA}/c".lstrip("/")).unlink()
