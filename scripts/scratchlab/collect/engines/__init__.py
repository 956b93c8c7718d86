"""Container engines: one module each, and one line in the registry."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, Self

from docker import DockerClient

from scratchlab.collect.engines import docker as docker_engine
from scratchlab.collect.engines import podman as podman_engine
from scratchlab.errors import LabError
from scratchlab.model import Engine, Json, Runtime


class EngineClient(Protocol):
    """What the lab asks of an engine. A context manager: leaving it ends the connection."""

    @property
    def name(self) -> str:
        """The engine's name: ``docker``, ``podman``."""

    @property
    def url(self) -> str:
        """Where it answers, for messages."""

    @property
    def client(self) -> DockerClient:
        """The SDK's client, for callers that run containers."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """End the connection and what was started for it."""

    def facts(self) -> Engine:
        """The engine's own facts."""

    def info(self) -> Json:
        """What ``docker info`` says."""

    def version(self) -> Json:
        """What ``docker version`` says of the server."""

    def components(self) -> dict[str, Json]:
        """The components of ``docker version``, by name."""

    def runtime(self, inspect: Json, *, here: bool = True) -> Runtime:
        """The OCI runtime of the container that ``inspect`` describes.

        ``here``: the engine's programs are on this machine, and can be asked.
        """

    def inspect_container(self, ref: str) -> Json:
        """The engine's description of a container."""

    def inspect_image(self, ref: str) -> Json:
        """The engine's description of an image."""

    def save(self, ref: str) -> AbstractContextManager[BinaryIO]:
        """The archive of an image, as a stream."""


ENGINES: dict[str, Callable[[str | None], EngineClient]] = {
    "docker": docker_engine.connect,
    "podman": podman_engine.connect,
}


def connect(name: str | None = None, url: str | None = None) -> EngineClient:
    """Connect to the engine ``name`` (None: the one that is here) at ``url`` (None: as usual).

    Raises LabError when there is none, or this user may not ask it.
    """
    connector = ENGINES.get(name or _likely(url))
    if connector is None:
        raise LabError(f"unknown engine: {name}", f"known: {', '.join(ENGINES)}")
    engine = connector(url)
    if engine.name == "docker" and podman_engine.ENGINE in engine.components():
        # The package podman-docker, or a URL: podman answers where Docker was looked for.
        return podman_engine.PodmanEngine(engine.client, engine.url, engine.close)
    return engine


def _likely(url: str | None) -> str:
    """Docker, unless only podman is here."""
    if url or os.environ.get("DOCKER_HOST") or os.path.exists(docker_engine.SOCKET):
        return "docker"
    if os.environ.get("CONTAINER_HOST") or os.path.exists(podman_engine.SOCKET):
        return "podman"
    only_podman = shutil.which("podman") and not shutil.which("dockerd")
    return "podman" if only_podman else "docker"
