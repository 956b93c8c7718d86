"""From where a live root is read: from this machine's /proc, or from a debug container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scratchlab.collect.holding import running_pid
from scratchlab.collect.image import from_engine, kept
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Facts, Image, Json
from scratchlab.progress import Progress

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


class ContainerView(Protocol):
    """A look at one container, held open until all is read."""

    def facts(self, engine: Engine, image: Image) -> Facts:
        """All that is known before the live root is opened."""

    def live(self, progress: Progress) -> Ledger:
        """The live ledger, proved to be that of one moment's process. Raises LabError."""

    def examine(self, facts: Facts, image: Ledger, progress: Progress) -> EvidenceSet:
        """The live ledger with what else can be read from here. Raises LabError."""


@contextmanager
def open_view(client: EngineClient, inspect: Json, vantage: str) -> Iterator[ContainerView]:
    """Open a view on the container that ``inspect`` describes.

    ``vantage`` is ``host``, ``debug``, or ``auto``: from the host where the engine's PID is that
    very container's process here, proved by the kernel, otherwise from a debug container.
    Raises LabError when the container does not run or cannot be seen.
    """
    running_pid(inspect, client.name)
    with ExitStack() as stack:
        why = None
        if vantage != "debug":
            try:
                view: ContainerView = stack.enter_context(
                    on_host(client, inspect, strict=vantage == "auto")
                )
            except LabError as error:
                if vantage == "host":
                    raise
                why = error
        if vantage == "debug" or why is not None:
            view = _through_debug(client, inspect, why, stack)
        yield view


def on_host(
    client: EngineClient, inspect: Json, *, strict: bool
) -> AbstractContextManager[ContainerView]:
    """The view from this machine's /proc; see :func:`scratchlab.collect.holding.hold_container`."""
    if not os.path.exists("/proc/self/ns"):
        raise LabError(
            "this machine has no /proc of Linux, and --vantage host is impossible",
            "use --vantage debug",
        )
    # Only here: on other systems it cannot even be imported.
    from scratchlab.collect.host_view import open_host_view

    return open_host_view(client, inspect, strict=strict)


def _through_debug(
    client: EngineClient, inspect: Json, why: LabError | None, stack: ExitStack
) -> ContainerView:
    from scratchlab.collect.remote.window import open_debug_view

    try:
        return stack.enter_context(open_debug_view(client, inspect))
    except LabError as error:
        if why is None:
            raise
        # A person who chose neither is told of both.
        raise LabError(f"{error.what} (and from the host: {why.what})", error.remedy) from error


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of a container before its live root is opened.

    ``facts`` and ``image`` are all that a prediction may stand on.
    """

    facts: Facts
    image: Ledger
    view: ContainerView
    progress: Progress

    def examine(self) -> EvidenceSet:
        """Read the live root, what else can be read from there, and prove that nothing moved
        meanwhile. Raises LabError if the process ended or was replaced while it was read.
        """
        return self.view.examine(self.facts, self.image, self.progress)


@contextmanager
def examined(
    client: EngineClient,
    ref: str,
    *,
    vantage: str = "auto",
    progress: Progress | None = None,
    fresh: bool = False,
) -> Iterator[Subject]:
    """Open a view on the container ``ref``, gather its facts and read its image.

    ``fresh``: read the image even if its ledger is kept (:mod:`scratchlab.collect.image.kept`).
    Raises LabError when there is no such container, when it does not run, when it can be seen
    neither from this machine nor from a debug container, or when its image cannot be read.
    """
    progress = progress or Progress()
    engine = client.facts()
    inspect = client.inspect_container(ref)
    with open_view(client, inspect, vantage) as view:
        store = None if fresh else kept.store()
        told, ledger = from_engine.read(
            client, engine, from_engine.of_container(inspect), progress, store
        )
        yield Subject(view.facts(engine, told), ledger, view, progress)
