"""Shared fixtures: a real engine, small images FROM scratch, containers that are always removed.

All objects have the label ``scratchlab.test`` and a name of this session, and are removed at the
end, by id. Needs root, a Docker engine and Debian's busybox-static.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab import deadlines
from scratchlab.collect.engines import EngineClient, connect
from tests.integration import podman_service

ROOT = Path(__file__).parents[2]
LABEL = "scratchlab.test"
SESSION = f"sl-test-{os.getpid()}"
BUSYBOX = Path("/bin/busybox")

Run = Callable[..., Container]
Build = Callable[..., Image]


def scratchlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program with none of this environment's variables."""
    return subprocess.run(
        [sys.executable, "-m", "scratchlab", *arguments],
        env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell's background job ignores Ctrl-C, and so would the programs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def private_podman() -> Iterator[None]:
    """The machine may have a podman in use: no test writes its files, but for a cache of layers."""
    with podman_service.configuration() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def usual_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test's time limits are those of a machine that has shown nothing yet."""
    monkeypatch.setattr(deadlines, "PACE", deadlines.Pace())


@pytest.fixture(scope="session")
def engine() -> Iterator[EngineClient]:
    """The lab's own connection to the machine's Docker."""
    with connect("docker") as client:
        yield client


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """The SDK's client of the machine's Docker."""
    client = docker.from_env(version="auto")
    _remove_leftovers(client)
    yield client
    client.close()


@pytest.fixture(scope="session")
def build_image(docker_client: docker.DockerClient) -> Iterator[Build]:
    """``build_image(dockerfile, files, tag="x")``: build with these files (name: bytes, 0755)."""
    with ExitStack() as clean:

        def build(dockerfile: str, files: dict[str, bytes], *, tag: str) -> Image:
            name = f"{SESSION}-{tag}"
            image, _ = docker_client.images.build(
                fileobj=context(dockerfile, files),
                custom_context=True,
                tag=name,
                labels={LABEL: SESSION},
                rm=True,
                forcerm=True,
            )
            clean.callback(_remove_image, docker_client, name)
            return image

        yield build


@pytest.fixture(scope="session")
def sleep_image(build_image: Build) -> Image:
    """FROM scratch, one file ``/sleep`` (a static busybox), which sleeps for an hour."""
    dockerfile = 'FROM scratch\nCOPY sleep /sleep\nENTRYPOINT ["/sleep", "3600"]\n'
    return build_image(dockerfile, {"sleep": BUSYBOX.read_bytes()}, tag="sleep")


@pytest.fixture(scope="session")
def shell_image(build_image: Build) -> Image:
    """FROM scratch, ``/bin/busybox`` and ``/bin/sh``, a few files; sleeps for an hour."""
    dockerfile = (
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nCOPY data /srv/data\n"
        'CMD ["/bin/busybox", "sleep", "3600"]\n'
    )
    busybox = BUSYBOX.read_bytes()
    return build_image(dockerfile, {"busybox": busybox, "data": b"content\n"}, tag="shell")


@pytest.fixture
def run_container(
    docker_client: docker.DockerClient, request: pytest.FixtureRequest
) -> Iterator[Run]:
    """``run_container(image, **options)``: a running container, removed after the test.

    Takes the options of ``docker.containers.run`` (``start=False``: only create it).
    """
    started: list[Container] = []

    def run(image: Image | str, *, start: bool = True, **options: Any) -> Container:
        options.setdefault(
            "name", f"{SESSION}-{len(started)}-{abs(hash(request.node.name)) % 10**8}"
        )
        options.setdefault("labels", {LABEL: SESSION})
        options.setdefault("network_mode", "none")
        container = docker_client.containers.create(image, **options)
        started.append(container)
        if start:
            container.start()
            container.reload()
        return container

    yield run
    for container in started:
        with suppress(docker.errors.NotFound):
            container.remove(force=True, v=True)


def _remove_leftovers(client: docker.DockerClient) -> None:
    """Remove the objects of sessions that were killed before they could do so."""
    wanted: dict[str, Any] = {"label": LABEL}
    for container in client.containers.list(all=True, ignore_removed=True, filters=wanted):
        if _is_over(container.labels[LABEL]):
            with suppress(docker.errors.APIError):
                container.remove(force=True, v=True)
    for image in client.images.list(filters=wanted):
        if _is_over(image.labels[LABEL]):
            with suppress(docker.errors.APIError):
                client.images.remove(str(image.id), force=True)


def _is_over(session: str) -> bool:
    return not os.path.exists(f"/proc/{session.rpartition('-')[2]}")


def _remove_image(client: docker.DockerClient, name: str) -> None:
    with suppress(docker.errors.ImageNotFound):
        client.images.remove(name, force=True)


def context(dockerfile: str, files: dict[str, bytes]) -> io.BytesIO:
    """A build context of a Dockerfile and files (name: bytes, 0755)."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in {"Dockerfile": dockerfile.encode(), **files}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    archive.seek(0)
    return archive
