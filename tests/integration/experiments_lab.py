"""The lab's four images and its container, under names of this test session."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import docker.errors
import pytest
from docker.models.containers import Container

from scratchlab.collect.engines import EngineClient
from scratchlab.experiments.runner import run
from scratchlab.lab.session import Laboratory
from scratchlab.labels import LABEL, Names
from scratchlab.model import Check

from .conftest import BUSYBOX, SESSION, Build, Run

LIMITS = Path(__file__).parents[2] / "roles" / "scratch_images" / "files" / "limits"
RunLab = Callable[..., dict[str, Check]]
_PROGRAM = 'FROM scratch\nCOPY sleep /\nENTRYPOINT ["/sleep", "3600"]\n'
_SHELL = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\n"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static program as it was built: busybox is called sleep, so it sleeps."""
    path = tmp_path_factory.mktemp("build") / "sleep"
    path.write_bytes(BUSYBOX.read_bytes())
    return path


@pytest.fixture(scope="session")
def limits_program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The program that exceeds limits, built from the role's source."""
    directory = tmp_path_factory.mktemp("limits")
    subprocess.run(
        ["go", "build", "-ldflags=-s -w", "-o", str(directory / "limits"), str(LIMITS / "main.go")],
        check=True,
        env={
            "PATH": f"{os.environ['PATH']}:/usr/local/go/bin",
            "HOME": str(directory),
            "GOCACHE": f"{directory}/cache",
            "GO111MODULE": "off",
            "CGO_ENABLED": "0",
        },
    )
    return (directory / "limits").read_bytes()


@pytest.fixture(scope="session")
def lab_images(
    build_image: Build, built: Path, limits_program: bytes, docker_client: docker.DockerClient
) -> Iterator[Names]:
    """The four images; the container of these names does not exist yet."""
    program, empty = built.read_bytes(), f"{SESSION}-e-scratchtest"
    build_image(_PROGRAM, {"sleep": program}, tag="e-sleep")
    build_image(_SHELL, {"busybox": program}, tag="e-debug")
    dockerfile = (LIMITS / "Dockerfile").read_text()
    build_image(dockerfile, {"limits": limits_program}, tag="e-limits")
    docker_client.images.build(fileobj=_empty_context(), custom_context=True, tag=empty)
    yield Names(
        scratchtest=empty,
        image=f"{SESSION}-e-sleep",
        container=f"{SESSION}-e-sleep",
        debug=f"{SESSION}-e-debug",
        binary=str(built),
        limits=f"{SESSION}-e-limits",
    )
    with suppress(docker.errors.ImageNotFound):
        docker_client.images.remove(empty, force=True)


@pytest.fixture
def lab_container(lab_images: Names, run_container: Run) -> Container:
    """The lab's container, running, with the lab's label."""
    return run_container(lab_images.image, name=lab_images.container, labels={LABEL: "1"})


@pytest.fixture
def run_lab(engine: EngineClient) -> RunLab:
    """``run_lab(names, "E07")``: the checks by id, from a laboratory of its own."""

    def run_it(names: Names, *only: str) -> dict[str, Check]:
        return {check.id: check for check in run(Laboratory(engine, names), only)}

    return run_it


def _empty_context() -> io.BytesIO:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        dockerfile = b"FROM scratch\nCOPY test .\n"
        for name, data in (("Dockerfile", dockerfile), ("test", b"")):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    context.seek(0)
    return context
