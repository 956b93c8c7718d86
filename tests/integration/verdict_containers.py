"""Containers and archives by what is wrong with them, for the tests of the verdict."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import docker
import docker.errors
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from tests.integration.conftest import BUSYBOX, LABEL, SESSION
from tests.integration.live_roots import pid, root
from tests.unit.image.archives import Made, archive, blobs_of, classic, image, index_of
from tests.unit.image.build import directory, file, layer, sha256

ROOT = Path(__file__).parents[2]
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def scratchlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scratchlab", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "COLUMNS": "130"},
        capture_output=True,
        text=True,
        check=False,
    )


def made(*more: bytes) -> Made:
    """An image by hand, so that its archive can be written in every form."""
    base = layer(
        directory("bin/"), file("bin/busybox", BUSYBOX.read_bytes(), mode=0o755),
        directory("lab/", mode=0o711), file("lab/file", SESSION.encode()),
    )  # fmt: skip
    config = {"Cmd": ["/bin/busybox", "sleep", "3600"], "Labels": {LABEL: SESSION}}
    tag = f"{SESSION}-verdict-{len(more)}:1"
    return image(base, *more, tags=(tag,), architecture=ARCHITECTURE, config=config)


PLAIN = made()
IMPLIED_DIRECTORY = made(layer(file("lab/new")))


def multi_platform() -> bytes:
    """An OCI archive with PLAIN for this machine, and the image of another platform."""
    other = image(layer(file("other")), tags=(), architecture="s390x")
    members, _, descriptors = blobs_of(other, replace(PLAIN, tags=()))
    index = index_of(descriptors)
    name = {"io.containerd.image.name": f"docker.io/library/{PLAIN.tags[0]}"}
    top = [{"digest": f"sha256:{sha256(index)}", "annotations": name}]
    blob = {f"blobs/sha256/{sha256(index)}": index}
    return archive({**members, **blob, "index.json": index_of(top)})


def in_container(container: Container, *words: str) -> None:
    """Run a tool of the container's busybox in its mount namespace."""
    number = pid(container)
    subprocess.run(
        ["nsenter", f"--mount=/proc/{number}/ns/mnt", f"--root=/proc/{number}/root",
         "/bin/busybox", *words],
        check=True, capture_output=True,
    )  # fmt: skip


def write_file(container: Container) -> None:
    (root(container) / "written").write_text("x")


def delete_file(container: Container) -> None:
    (root(container) / "lab/file").unlink()


def unmount(container: Container) -> None:
    in_container(container, "umount", "/proc/sys")


def several(container: Container) -> None:
    for change in (write_file, delete_file, unmount):
        change(container)


def leave_alone(_: Container) -> None:
    """Change nothing."""


def plant(container: Container) -> None:
    """Put a file below every layer that the engine knows: into the directory of the image's own
    layer, before the start. The image's archive does not have it, and no upper layer has it.
    """
    graph = container.attrs["GraphDriver"]
    assert graph["Name"] == "overlay2"
    _init, lowest = graph["Data"]["LowerDir"].split(":")
    (Path(lowest) / "planted").write_text("x")


@dataclass(frozen=True)
class Bench:
    """What the containers are made with, and a directory for their outputs."""

    client: docker.DockerClient
    directory: Path
    clean: ExitStack

    def load(self, image_made: Made) -> Image:
        (loaded,) = self.client.images.load(classic(image_made))
        self.clean.callback(self._remove_image, image_made.tags[0])
        return loaded

    def container(self, image_made: Made, *, planted: bool = False) -> Container:
        container = self.client.containers.create(
            image_made.tags[0], labels={LABEL: SESSION}, network_mode="none",
            name=f"{SESSION}-verdict-{len(os.listdir(self.directory))}-{planted:d}",
        )  # fmt: skip
        self.clean.callback(partial(container.remove, force=True, v=True))
        container.reload()
        if planted:
            plant(container)
        container.start()
        container.reload()
        return container

    def _remove_image(self, tag: str) -> None:
        with suppress(docker.errors.ImageNotFound):
            self.client.images.remove(tag, force=True)


@pytest.fixture(scope="module")
def bench(
    docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    with ExitStack() as clean:
        yield Bench(docker_client, tmp_path_factory.mktemp("verdict"), clean)
