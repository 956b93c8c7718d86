"""Debug containers in tests: open them, list them, and compare what both vantages read."""

from __future__ import annotations

import time

import docker
from docker.models.containers import Container

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.live import WalkLimits
from scratchlab.collect.remote.debug_view import open_debug_container
from scratchlab.labels import LABEL
from scratchlab.ledger import Ledger
from scratchlab.model import Json


def agents(client: docker.DockerClient) -> list[Json]:
    """All debug containers, as one call lists them: others come and go meanwhile."""
    listed = client.api.containers(all=True, filters={"label": LABEL})
    return [container for container in listed if container["Image"].startswith("scratchlab-agent")]


def assert_no_containers_left(client: docker.DockerClient) -> None:
    """Assert that no debug container is left; waits up to 10 s for the engine to remove it."""
    for _ in range(100):
        if not agents(client):
            return
        time.sleep(0.1)
    assert agents(client) == []


def assert_nothing_left(client: docker.DockerClient) -> None:
    """Assert that neither a debug container nor its image is left."""
    assert_no_containers_left(client)
    assert client.images.list("scratchlab-agent") == []


def inspected(engine: EngineClient, container: Container) -> Json:
    """The engine's description of ``container``."""
    return engine.inspect_container(container.id or "")


def through_debug(
    engine: EngineClient, container: Container, limits: WalkLimits | None = None
) -> Ledger:
    """The live ledger of ``container`` as a debug container reads it."""
    with open_debug_container(engine, inspected(engine, container), limits=limits) as debug:
        return debug.read()[0]


def assert_same(near: Ledger, far: Ledger) -> None:
    """Assert that every field of every entry is the same, times and mount ids included."""
    pairs = zip(near, far, strict=True)
    assert [(one, other) for one, other in pairs if one != other] == []
    assert near.digest() == far.digest()
