"""The laboratory of one run: an engine, the lab's names, and results that are read only once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from docker.errors import APIError, NotFound

from scratchlab import deadlines
from scratchlab.collect.image import ImageArchive, read_archive
from scratchlab.collect.vantage import open_host_view
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement
from scratchlab.lab import leftovers
from scratchlab.lab.concurrency import call_within
from scratchlab.lab.verification import verify
from scratchlab.labels import LABEL, Names
from scratchlab.model import Json

if TYPE_CHECKING:
    from docker.models.containers import Container

    from scratchlab.collect.engines import EngineClient

T = TypeVar("T")
_REMOVAL_SECONDS = 20.0  # for one request to the engine
# Answers to "start" that are different a moment later. containerd 1.7 pkg/process/init_state.go:
# the runtime's child ended before it was started; ttrpc 1.2 client.go: so did the shim, or it was
# late.
_PASSING = ("cannot start a stopped process", "ttrpc: closed", "context deadline exceeded")
_PAUSES = (0.5, 2.0, 5.0)  # seconds before the engine is asked again


class Laboratory:
    """An engine with the lab's objects in it. :meth:`close` removes what probes created."""

    def __init__(
        self, engine: EngineClient, names: Names | None = None, *, host_view: bool = False
    ) -> None:
        self.engine = engine
        self.host_view = host_view  # whether a container may see all processes of another machine
        self.api: Any = engine.client.api  # the SDK's low-level client
        self.names = names or Names()
        self.observations: dict[str, Any] = {}  # results of the probes, by experiment id
        self._once: dict[str, Any] = {}
        self._locks: dict[str, Lock] = {}
        self._temporary: list[str] = []

    def once(self, key: str, make: Callable[[], T]) -> T:
        """The result of ``make``, called once for each ``key``; an exception is kept, too."""
        with self._locks.setdefault(key, Lock()):  # experiments run side by side
            if key not in self._once:
                try:
                    self._once[key] = make()
                except Exception as error:  # raised again below, for every experiment that needs it
                    self._once[key] = error
            value = self._once[key]
        if isinstance(value, Exception):
            raise value
        result: T = value
        return result

    def image(self, reference: str) -> Json | None:
        """The engine's description of an image; None where there is no such image."""
        return _or_none(lambda: self.api.inspect_image(reference))

    def container(self, reference: str) -> Json | None:
        """The engine's description of a container; None where there is no such container."""
        return _or_none(lambda: self.api.inspect_container(reference))

    def archive(self, reference: str) -> ImageArchive:
        """The image, read once from the archive that ``docker save`` writes. Raises LabError."""

        def read() -> ImageArchive:
            with self.engine.save(reference) as stream:
                return read_archive(stream)

        return self.once(f"archive of {reference}", read)

    @property
    def engine_is_local(self) -> bool:
        """Whether the engine's processes are this machine's, and this program may read them.

        Decided by the lab's container; where that does not run, by the engine's address.
        """

        def check() -> bool:
            inspect = self.container(self.names.container)
            if inspect is None or not inspect["State"].get("Pid"):
                return self.engine.url.startswith("unix://")
            try:
                with open_host_view(self.engine, inspect, strict=True):
                    return True
            except LabError:
                return False

        return self.once("engine_is_local", check)

    def verification(self) -> tuple[EvidenceSet, Judgement]:
        """The evidence and the judgement of the lab's container, made once. Raises LabError."""
        return self.once("verification", lambda: verify(self.engine, self.names.container))

    def verified(self) -> tuple[EvidenceSet, Judgement] | None:
        """The :meth:`verification` if an experiment made it and it succeeded; otherwise None."""
        made = self._once.get("verification")
        return None if isinstance(made, Exception) else made

    def evidence(self) -> EvidenceSet:
        """The facts and ledgers of :meth:`verification`."""
        return self.verification()[0]

    def create(self, image: str, command: list[str] | None = None, **options: Any) -> Container:
        """Create a temporary container with the lab's labels; :meth:`close` removes it."""
        labels = {LABEL: "1", leftovers.OWNER: leftovers.owner()}
        container = self.engine.client.containers.create(image, command, labels=labels, **options)
        self._temporary.append(str(container.id))
        return container

    def start(self, container: Container, *, attach: bool = False) -> Iterator[bytes]:
        """Start a container, and let the time limits follow how long that takes.

        Returns its output from the beginning if ``attach``. An answer that passes is asked for
        again. Raises APIError if the engine refuses, LateError if such an answer does not pass.
        """
        begin, answer = time.monotonic(), ""
        for pause in (0.0, *_PAUSES):
            time.sleep(deadlines.allowed(pause))
            output = container.attach(stdout=True, stderr=True, stream=True) if attach else ()
            tried = time.monotonic()
            try:
                container.start()
            except APIError as error:
                answer = " ".join(str(error.explanation or error).split())
                if not any(words in answer for words in _PASSING):
                    raise
            else:
                deadlines.PACE.note_start(time.monotonic() - tried)
                return iter(output)
        what = f"the engine did not start a container ({answer})"
        raise deadlines.LateError(what, time.monotonic() - begin)

    def remove_leftovers(self) -> None:
        """Remove the temporary containers of runs that were killed before they could do so."""
        # Best effort, like close(): the experiments report an engine that does not answer.
        with contextlib.suppress(Exception):
            call_within(partial(leftovers.remove_leftovers, self.api), _REMOVAL_SECONDS)

    def close(self) -> None:
        """Remove the temporary containers that still exist."""
        while self._temporary:
            self._remove(self._temporary.pop())

    def discard(self, container: Container) -> None:
        """Remove one temporary container now; other threads may still use the others."""
        self._temporary.remove(str(container.id))
        self._remove(str(container.id))

    def _remove(self, name: str) -> None:
        # Best effort: an engine that no longer answers cannot remove anything, and `./lab destroy`
        # finds what is left by its label.
        remove = partial(self.api.remove_container, name, force=True, v=True)
        with contextlib.suppress(Exception):
            call_within(remove, _REMOVAL_SECONDS)


def _or_none(inspect: Callable[[], Any]) -> Json | None:
    try:
        description: Json = inspect()
    except NotFound:
        return None
    return description
