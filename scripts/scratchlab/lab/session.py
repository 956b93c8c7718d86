"""What the probes share: the engine, the names, and what is costly to read and asked for twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from docker.errors import NotFound

from scratchlab.collect.image import ImageArchive, read_archive
from scratchlab.collect.vantage import on_host
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement
from scratchlab.lab import leftovers
from scratchlab.lab.bounded import bounded
from scratchlab.lab.verification import verify
from scratchlab.labels import LABEL, Names
from scratchlab.model import Json

if TYPE_CHECKING:
    from docker.models.containers import Container

    from scratchlab.collect.engines import EngineClient

T = TypeVar("T")
_SECONDS = 20.0  # to remove one container


class Laboratory:
    """One engine with the lab's objects in it. Close it: it removes what the probes left over."""

    def __init__(self, engine: EngineClient, names: Names | None = None) -> None:
        self.engine = engine
        self.api: Any = engine.client.api  # the SDK's low-level client
        self.names = names or Names()
        self.observations: dict[str, Any] = {}  # by experiment id, what the probes saw
        self._once: dict[str, Any] = {}
        self._making: dict[str, Lock] = {}
        self._temporary: list[str] = []

    def once(self, key: str, make: Callable[[], T]) -> T:
        """The result of ``make``, made at the first call for ``key``; a failure is kept too."""
        with self._making.setdefault(key, Lock()):  # experiments run side by side
            if key not in self._once:
                try:
                    self._once[key] = make()
                except Exception as error:  # raised again below, for every experiment that asks
                    self._once[key] = error
            value = self._once[key]
        if isinstance(value, Exception):
            raise value
        found: T = value
        return found

    def image(self, reference: str) -> Json | None:
        """What the engine says of an image; None where there is no such image."""
        return _found(lambda: self.api.inspect_image(reference))

    def container(self, reference: str) -> Json | None:
        """What the engine says of a container; None where there is no such container."""
        return _found(lambda: self.api.inspect_container(reference))

    def archive(self, reference: str) -> ImageArchive:
        """The image as ``docker save`` writes it, read once. Raises LabError."""

        def read() -> ImageArchive:
            with self.engine.save(reference) as stream:
                return read_archive(stream)

        return self.once(f"archive of {reference}", read)

    @property
    def here(self) -> bool:
        """Whether the engine's processes are this machine's, and ours to look into: by the lab's
        container, and where that does not run by the engine's address.
        """

        def look() -> bool:
            inspect = self.container(self.names.container)
            if inspect is None or not inspect["State"].get("Pid"):
                return self.engine.url.startswith("unix://")
            try:
                with on_host(self.engine, inspect, strict=True):
                    return True
            except LabError:
                return False

        return self.once("here", look)

    def verification(self) -> tuple[EvidenceSet, Judgement]:
        """What `scratchlab verify` finds of the container, found once. Raises LabError."""
        return self.once("verification", lambda: verify(self.engine, self.names.container))

    def verified(self) -> tuple[EvidenceSet, Judgement] | None:
        """The :meth:`verification` if an experiment asked for it and it succeeded; asks nothing."""
        found = self._once.get("verification")
        return None if isinstance(found, Exception) else found

    def evidence(self) -> EvidenceSet:
        """The facts and ledgers of :meth:`verification`."""
        return self.verification()[0]

    def create(self, image: str, command: list[str] | None = None, **options: Any) -> Container:
        """Create a temporary container that carries the lab's label; :meth:`close` removes it."""
        labels = {LABEL: "1", leftovers.OWNER: leftovers.owner()}
        container = self.engine.client.containers.create(image, command, labels=labels, **options)
        self._temporary.append(str(container.id))
        return container

    def clear(self) -> None:
        """Remove temporary containers of runs that were killed before they could."""
        # Best effort, like close(): an engine that does not answer is told by the experiments.
        with contextlib.suppress(Exception):
            bounded(partial(leftovers.remove, self.api), _SECONDS)

    def close(self) -> None:
        """Remove the temporary containers that are still there."""
        while self._temporary:
            self._remove(self._temporary.pop())

    def discard(self, container: Container) -> None:
        """Remove one temporary container now; the others are maybe somebody's at this moment."""
        self._temporary.remove(str(container.id))
        self._remove(str(container.id))

    def _remove(self, name: str) -> None:
        # Best effort: an engine that no longer answers cannot remove anything, and the label
        # lets `./lab destroy` find what stays behind.
        with contextlib.suppress(Exception):
            bounded(partial(self.api.remove_container, name, force=True, v=True), _SECONDS)


def _found(ask: Callable[[], Any]) -> Json | None:
    try:
        answer: Json = ask()
    except NotFound:
        return None
    return answer
