"""Three services from Debian's packages, which write within seconds: with a policy they verify.

The base image is made here, by mmdebstrap, from the mirror that the machine uses.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from tests.integration.conftest import LABEL, SESSION, Run, scratchlab

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
PACKAGES = "nginx-light,redis-server,postgresql"
POSTGRES = (
    "install -d -o postgres /run/postgresql; "
    "exec setpriv --reuid postgres --regid postgres --init-groups "
    "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main "
    "-c config_file=/etc/postgresql/15/main/postgresql.conf"
)


@dataclass(frozen=True)
class Service:
    """How a service is started, what it is asked to do, and what shows that it did."""

    command: list[str]
    work: str
    patterns: list[str]  # what `scratchlab expect` writes


SERVICES = {
    "nginx": Service(
        ["nginx", "-g", "daemon off;"],
        "test -s /run/nginx.pid",
        ["/run/nginx.pid", "/var/lib/nginx/"],
    ),
    "redis": Service(["redis-server"], "redis-cli save | grep -q OK", ["/dump.rdb"]),
    "postgres": Service(
        ["sh", "-c", POSTGRES],
        "setpriv --reuid postgres --regid postgres --init-groups "
        "psql -qc 'create table if not exists t as select generate_series(1, 1000)'",
        ["/dev/shm/PostgreSQL.[0-9]*", "/run/postgresql/", "/var/lib/postgresql/15/main/"],
    ),
}


@pytest.fixture(scope="module")
def base(
    docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An image with the three services, imported from a tree of Debian packages."""
    tree = tmp_path_factory.mktemp("services") / "tree.tar"
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={PACKAGES}",
               "bookworm", str(tree)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    name = f"{SESSION}-services"
    with tree.open("rb") as content:
        docker_client.api.import_image_from_data(
            content, repository=name, changes=[f"LABEL {LABEL}={SESSION}"]
        )
    tree.unlink()
    yield name
    docker_client.images.remove(name, force=True)


@pytest.fixture(params=SERVICES)
def running(
    request: pytest.FixtureRequest, base: str, run_container: Run
) -> tuple[Service, Container]:
    service = SERVICES[request.param]
    container = run_container(base, command=service.command)
    work(service, container)
    return service, container


def work(service: Service, container: Container) -> None:
    """Wait until the service does what it is asked to."""
    for _ in range(100):
        if container.exec_run(["sh", "-c", service.work]).exit_code == 0:
            return
        time.sleep(0.2)
    raise AssertionError(container.logs().decode())


def test_a_service_verifies_with_the_policy_that_expect_wrote(
    running: tuple[Service, Container], tmp_path: Path
) -> None:
    service, container = running
    name, file, report = str(container.id), tmp_path / "expect.yml", tmp_path / "report.json"
    assert scratchlab("verify", name).returncode == 3

    written = scratchlab("expect", name)
    assert written.returncode == 0, written.stderr
    file.write_text(written.stdout)
    patterns = [line.partition("path: ")[2] for line in written.stdout.splitlines()]
    assert [pattern for pattern in patterns if pattern] == service.patterns

    done = scratchlab("verify", name, "--expect", str(file), "--json", str(report))
    assert done.returncode == 0, done.stdout
    assert "allowed by expect.yml" in done.stdout.splitlines()[-1]
    # The report stands for itself, and the program that reads it comes to the same verdict.
    assert scratchlab("report", str(report)).returncode == 0
    found: Any = json.loads(report.read_text())
    assert found["verdict"]["counts"]["written"] == 0
    assert found["verdict"]["counts"]["allowed"] > 0

    container.restart(timeout=5)
    work(service, container)
    done = scratchlab("verify", name, "--expect", str(file))
    assert done.returncode == 0, done.stdout


def test_the_policy_among_the_examples(base: str, run_container: Run) -> None:
    container = run_container(base, command=SERVICES["nginx"].command)
    work(SERVICES["nginx"], container)
    policy = str(ROOT / "examples" / "nginx-policy.yml")
    done = scratchlab("verify", str(container.id), "--expect", policy)
    assert done.returncode == 0, done.stdout
    assert "allowed nothing" not in done.stdout


def test_what_no_service_does_still_counts(
    running: tuple[Service, Container], tmp_path: Path
) -> None:
    service, container = running
    file = tmp_path / "expect.yml"
    rules = scratchlab("expect", str(container.id)).stdout
    file.write_text(f"{rules}\n  - path: /never/there\n")
    inside = service.patterns[-1].rstrip("/")
    inside = inside if inside.startswith("/var") else "/opt"
    container.exec_run(["sh", "-c", f"cp /bin/sh {inside}/sh; chmod 4755 {inside}/sh"])
    done = scratchlab("verify", str(container.id), "--expect", str(file))
    assert done.returncode == 3
    assert f"1 written since the start, all explained: {inside}/sh" in done.stdout
    assert "allowed nothing: /never/there" in done.stdout
    if inside != "/opt":
        assert f"does not allow {inside}/sh: it is a set-uid" in " ".join(done.stdout.split())
