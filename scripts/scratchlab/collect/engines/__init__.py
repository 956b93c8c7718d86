"""Connections to container engines: one module and one line in ``ENGINES`` for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, Self

from docker import DockerClient

from scratchlab.collect.engines import docker as docker_engine
from scratchlab.collect.engines import podman as podman_engine
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime


class EngineClient(Protocol):
    """A connection to an engine. A context manager: leaving it ends the connection."""

    @property
    def name(self) -> str:
        """The engine's name: ``docker``, ``podman``."""

    @property
    def url(self) -> str:
        """The engine's address, for messages."""

    @property
    def client(self) -> DockerClient:
        """The Docker SDK's client, for callers that run containers."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """End the connection and what was started for it."""

    def facts(self) -> Engine:
        """The facts of the engine. Raises LabError when it does not answer."""

    def info(self) -> Json:
        """The answer of ``docker info``."""

    def version(self) -> Json:
        """The server's part of ``docker version``."""

    def components(self) -> dict[str, Json]:
        """The components of ``docker version``, by name."""

    def runtime(self, inspect: Json, *, local: bool = True) -> Runtime:
        """The OCI runtime that started the container that ``inspect`` describes.

        ``local``: the engine's programs are on this machine, so that a runtime whose version the
        engine does not know can be run with ``--version``.
        """

    def running_containers(self, labels: Sequence[str] = ()) -> list[Json]:
        """The running containers that have all of ``labels`` (``KEY`` or ``KEY=VALUE``), as the
        Docker API lists them. Raises LabError when the engine does not answer.
        """

    def inspect_container(self, ref: str) -> Json:
        """The description of the container ``ref``. Raises LabError when there is none."""

    def inspect_image(self, ref: str) -> Json:
        """The description of the image ``ref``. Raises LabError when there is none."""

    def changes(self, container: str) -> Mapping[str, str] | None:
        """Path to "added", "changed" or "deleted" for the container with that id, as `docker diff`
        lists them; None where the engine cannot (not every storage driver can).
        """

    def save(self, ref: str) -> AbstractContextManager[BinaryIO]:
        """The archive of the image ``ref``, as ``docker save`` writes it, as a stream."""


ENGINES: dict[str, Callable[[str | None], EngineClient]] = {
    "docker": docker_engine.connect,
    "podman": podman_engine.connect,
}


def connect(name: str | None = None, url: str | None = None) -> EngineClient:
    """Connect to the engine ``name`` (None: whichever is installed) at ``url`` (None: its default).

    Raises LabError when there is no such engine, or this user has no permission to use it.
    """
    connector = ENGINES.get(name or _default_engine(url))
    if connector is None:
        raise LabError(f"unknown engine: {name}", f"known: {', '.join(ENGINES)}")
    engine = connector(url)
    if engine.name == "docker" and podman_engine.ENGINE in engine.components():
        # podman answers at Docker's address: the package podman-docker, or the URL given.
        return podman_engine.PodmanEngine(engine.client, engine.url, engine.close)
    return engine


def _default_engine(url: str | None) -> str:
    """Docker, unless only podman is installed."""
    if url or os.environ.get("DOCKER_HOST") or os.path.exists(docker_engine.SOCKET):
        return "docker"
    if os.environ.get("CONTAINER_HOST") or os.path.exists(podman_engine.SOCKET):
        return "podman"
    only_podman = shutil.which("podman") and not shutil.which("dockerd")
    return "podman" if only_podman else "docker"
