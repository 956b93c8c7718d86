"""The view through a debug container: the same ledger, and honestly less evidence.

The engine's folders, the runtime's config.json and the host's files behind binds are out of
sight. What the engine counts as changes of the container (``docker diff``) takes their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import docker.errors
import requests

from scratchlab.collect.debug.window import Window, opened
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Engine, Facts, Image, Json, Layers, Runtime

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.progress import Progress

# Docker Engine API, "get changes on a container's filesystem": Kind.
_KINDS = {0: "changed", 1: "added", 2: "deleted"}


class DebugView:
    """``/proc/1/root`` in a container beside the one that is examined."""

    def __init__(self, client: EngineClient, inspect: Json, window: Window) -> None:
        self._client = client
        self._inspect = inspect
        self._window = window

    def facts(self, engine: Engine, image: Image) -> Facts:
        """All that the engine and the kernel say, as far as they can be asked from here."""
        seen = self._window.seen
        return Facts(
            host=self._window.host(),
            engine=engine,
            runtime=self._runtime(),
            image=image,
            container=Container(
                id=self._inspect["Id"],
                name=str(self._inspect.get("Name", "")).lstrip("/"),
                pid=int(self._inspect["State"]["Pid"]),
                start_time=seen.start_time,
                vantage="debug",
                inspect=self._inspect,
                namespaces=seen.namespaces,
                uid_map=seen.uid_map,
            ),
            mounts=seen.mounts,
            layers=Layers(driver=_driver(self._inspect, engine)),
            problems=self._window.problems(),
        )

    def live(self, progress: Progress) -> Ledger:
        """The live ledger. Raises LabError if the process was replaced while it was read."""
        return self._window.read(progress.step("reading the live root", "entries"))

    def examine(self, facts: Facts, image: Ledger, progress: Progress) -> EvidenceSet:
        """Read the live root, and ask the engine what it counts as changes. Raises LabError."""
        root = self.live(progress)
        try:
            told = replace(facts, changes=self._changes())
        except BaseException:
            root.close()
            raise
        return EvidenceSet(told, image, root)

    def _runtime(self) -> Runtime:
        return self._client.runtime(self._inspect, here=False)

    def _changes(self) -> Mapping[str, str] | None:
        try:
            listed: list[Any] = self._client.client.api.diff(self._inspect["Id"]) or []
        except (docker.errors.APIError, requests.RequestException):
            return None  # a storage driver that cannot tell; then origins stay unexplained
        return {str(one["Path"]): _KINDS.get(one["Kind"], "changed") for one in listed}


@contextmanager
def debug_view(client: EngineClient, inspect: Json) -> Iterator[DebugView]:
    """Run a debug container beside the one that ``inspect`` describes; raises LabError."""
    with opened(client, inspect) as window:
        yield DebugView(client, inspect, window)


def _driver(inspect: Json, engine: Engine) -> str:
    return str((inspect.get("GraphDriver") or {}).get("Name") or engine.storage_driver)
