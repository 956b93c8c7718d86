"""Volumes and binds: listed up to a bound, not read; the same from either vantage."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.live.user_data import MOST_LISTED
from scratchlab.lab import verification
from scratchlab.model import Finding, Json, Origin
from scratchlab.reading import UserData
from scratchlab.report import Report
from scratchlab.report.build import build
from tests.integration.conftest import BUSYBOX, Build, Run
from tests.integration.live_roots import attacker, pid, root

pytestmark = [pytest.mark.engine, pytest.mark.root]

VANTAGES = ("host", "debug")
_SIZE = 8 << 30  # bytes


@pytest.fixture(scope="module")
def image(build_image: Build) -> Image:
    """An image with a VOLUME that has content."""
    dockerfile = (
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nCOPY kept /vol/kept\n"
        "COPY kept /vol/altered\nCOPY kept /vol/deep/grown\nVOLUME /vol\n"
        'CMD ["/bin/busybox", "sleep", "3600"]\n'
    )
    files = {"busybox": BUSYBOX.read_bytes(), "kept": b"of the image\n"}
    return build_image(dockerfile, files, tag="volume")


@pytest.fixture
def bound(tmp_path: Path) -> Path:
    """A directory of the host with many files, a large sparse one, set-uid files and a device."""
    directory = tmp_path / "bound"
    (directory / "a").mkdir(parents=True)
    for number in range(MOST_LISTED // 2):
        (directory / "a" / f"{number:04}").write_bytes(b"x")
    (directory / "big").touch()
    with open(directory / "big", "r+b") as big:
        big.truncate(_SIZE)
    (directory / "su").write_bytes(b"x")
    (directory / "su").chmod(0o4755)
    subprocess.run(["mknod", directory / "null", "c", "1", "3"], check=True)
    return directory


def verified(
    engine: EngineClient, container: Container, vantage: str, **options: Any
) -> tuple[Report, dict[str, Finding]]:
    evidence, judgement = verification.verify(
        engine, container.name or "", vantage=vantage, **options
    )
    with evidence:
        return build(evidence, judgement), {found.path: found for found in judgement.findings}


def section(report: Report, target: str) -> Json:
    (found,) = (mount for mount in report.head["user_data"]["mounts"] if mount["target"] == target)
    return dict(found)


@pytest.mark.parametrize("vantage", VANTAGES)
def test_a_bind_is_listed_and_not_read(
    engine: EngineClient, image: Image, run_container: Run, bound: Path, vantage: str
) -> None:
    container = run_container(image, volumes=[f"{bound}:/data:ro"])
    report, findings = verified(engine, container, vantage)
    assert report.head["verdict"]["status"] == 0, report.head["verdict"]
    assert section(report, "/data") == {
        "target": "/data", "listed": MOST_LISTED // 2 + 4, "complete": True, "mounts": [],
        "set_uid": ["/data/su"], "capabilities": [], "devices": ["/data/null"],
    }  # fmt: skip
    big = findings["/data/big"]
    assert big.live is not None
    assert (big.origin, big.live.size, big.live.sha256) == (Origin.USER_DATA, _SIZE, None)
    covers = report.head["container"]["ledger_covers"]
    assert f"the first {MOST_LISTED} entries of each mount" in covers


@pytest.mark.parametrize("vantage", VANTAGES)
def test_what_the_engine_copied_is_compared(
    engine: EngineClient, image: Image, run_container: Run, vantage: str
) -> None:
    container = run_container(image)
    script = (
        "cd /vol; touch -r altered t; echo OF THE IMAGE > altered; touch -r t altered;"
        "echo x >> deep/grown; echo x > own"
    )
    container.exec_run(["/bin/busybox", "sh", "-c", script])
    _, findings = verified(engine, container, vantage)
    origins = {
        path: (finding.origin, bool(finding.live and finding.live.sha256))
        for path, finding in findings.items()
        if path.startswith("/vol/")
    }
    assert origins == {
        "/vol/altered": (Origin.USER_DATA, True),  # the same size and time, other content
        "/vol/deep": (Origin.VOLUME_COPY, False),
        "/vol/deep/grown": (Origin.USER_DATA, False),
        "/vol/kept": (Origin.VOLUME_COPY, True),
        "/vol/own": (Origin.USER_DATA, False),
        "/vol/t": (Origin.USER_DATA, False),
    }


def test_both_vantages_stop_at_the_same_name(
    engine: EngineClient, image: Image, run_container: Run, bound: Path
) -> None:
    for number in range(MOST_LISTED):
        (bound / "b" / f"{number}").mkdir(parents=True)
    engines = bound / "etc"
    engines.mkdir()
    (engines / "hosts").touch()
    volumes = [f"{bound}:/data:ro", f"{engines}:/data/etc", f"{bound}/su:/one"]
    container = run_container(image, volumes=volumes)
    reports = [verified(engine, container, vantage)[0] for vantage in VANTAGES]
    near, far = ({entry["path"]: entry["live"] for entry in report.entries} for report in reports)
    assert near == far
    assert {path for path in near if path.startswith("/data/b/")} == {
        f"/data/b/{name}" for name in sorted(map(str, range(MOST_LISTED)))[: MOST_LISTED // 2 - 2]
    }
    assert {"/data/etc", "/data/etc/hosts", "/one"} <= near.keys()  # beyond the bound of /data
    for report in reports:
        assert section(report, "/data")["complete"] is False
        assert section(report, "/data/etc")["complete"] is True
    digests = [report.head["container"]["ledger_digest"] for report in reports]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("vantage", VANTAGES)
def test_none_and_hash(
    engine: EngineClient, image: Image, run_container: Run, tmp_path: Path, vantage: str
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    container = run_container(image, volumes=[f"{tmp_path}:/data:ro"])
    report, findings = verified(engine, container, vantage, user_data=UserData.NONE)
    assert not [path for path in findings if path.startswith(("/data/", "/vol/"))]
    assert {"/data", "/vol"} <= findings.keys()
    assert (section(report, "/data")["listed"], section(report, "/data")["complete"]) == (0, False)
    assert report.head["container"]["ledger_covers"] == "everything but the user's data"
    report, findings = verified(engine, container, vantage, user_data=UserData.HASH)
    assert findings["/data/file"].live
    assert findings["/data/file"].live.sha256
    assert report.head["container"]["ledger_covers"] == "everything"


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., list[str]]:
    """A function that runs scratchlab and returns strace's line of each file that it opened."""

    def run(*arguments: str) -> list[str]:
        trace = tmp_path / "trace"
        command = ["strace", "-f", "-y", "-s", "200", "-e", "trace=openat", "-o", str(trace)]
        subprocess.run(
            [*command, sys.executable, "-m", "scratchlab", *arguments],
            env={"PYTHONPATH": "scripts", "PATH": "/usr/bin:/bin"}, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        lines = trace.read_text(errors="replace").splitlines()
        return [line for line in lines if " = -1 " not in line]

    return run


def test_no_file_of_the_user_is_opened(
    image: Image, run_container: Run, bound: Path, opened: Callable[..., list[str]]
) -> None:
    container = run_container(image, volumes=[f"{bound}:/data:ro"])
    lines = opened("verify", container.name or "", "--vantage", "host", "--user-data", "list")
    (big,) = (line for line in lines if '"big"' in line)
    assert "O_PATH" in big
    read = [line for line in lines if "</data/" in line and "O_PATH" not in line]
    assert not [line for line in read if "O_DIRECTORY" not in line]


def test_live_still_reads_everything(image: Image, run_container: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    container = run_container(image, volumes=[f"{tmp_path}:/data:ro"])
    done = subprocess.run(
        [sys.executable, "-m", "scratchlab", "live", container.name or "", "--format", "json"],
        env={"PYTHONPATH": "scripts"}, capture_output=True, check=True,
    )  # fmt: skip
    (found,) = (item for item in json.loads(done.stdout)["entries"] if item["path"] == "/data/file")
    assert found["sha256"]


_MOUNTS = """
import os, sys, time
from tests.integration.live_roots import mount
print("ready", flush=True)
for number in range(100000):
    mount("x", sys.argv[1], "tmpfs")
    os.system(f"umount {sys.argv[1]}")
"""


@pytest.mark.parametrize("vantage", VANTAGES)
def test_mounts_of_the_host_come_and_go_below_a_bind(
    engine: EngineClient, image: Image, run_container: Run, shared: Path, vantage: str
) -> None:
    container = run_container(image, volumes=[f"{shared}:/data:rslave"])
    with attacker(_MOUNTS, str(shared / "come")):
        for _ in range(3):
            report, _ = verified(engine, container, vantage)
            assert report.head["verdict"]["counts"]["unexplained"] == 0, report.head["verdict"]
    assert pid(container)
    assert root(container).exists()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A shared mount of the host: what is mounted below it comes to slaves."""
    directory = tmp_path / "shared"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "x", directory], check=True)
    subprocess.run(["mount", "--make-shared", directory], check=True)
    (directory / "come").mkdir()
    yield directory
    subprocess.run(["umount", "-R", "-l", directory], check=True)


def test_containers_without_user_data_say_nothing_of_it(
    engine: EngineClient, sleep_image: Image, run_container: Run, docker_client: docker.DockerClient
) -> None:
    assert docker_client.ping()
    report, _ = verified(engine, run_container(sleep_image), "host", user_data=UserData.NONE)
    assert "user_data" not in report.head
    assert report.head["container"]["ledger_covers"] == "everything"
