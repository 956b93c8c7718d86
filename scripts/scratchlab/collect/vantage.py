"""From where a live root is read: from this machine's /proc, or from a debug container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from scratchlab.collect.state import running_pid
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.model import Engine, Facts, Image, Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.ledger import Ledger
    from scratchlab.progress import Progress


class View(Protocol):
    """A look at one container, held open until all is read."""

    def facts(self, engine: Engine, image: Image) -> Facts:
        """All that is known before the live root is opened."""

    def live(self, progress: Progress) -> Ledger:
        """The live ledger, proved to be that of one moment's process. Raises LabError."""

    def examine(self, facts: Facts, image: Ledger, progress: Progress) -> EvidenceSet:
        """The live ledger with what else can be read from here. Raises LabError."""


@contextmanager
def opened(client: EngineClient, inspect: Json, vantage: str) -> Iterator[View]:
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
                view: View = stack.enter_context(on_host(client, inspect, strict=vantage == "auto"))
            except LabError as error:
                if vantage == "host":
                    raise
                why = error
        if vantage == "debug" or why is not None:
            view = _through_debug(client, inspect, why, stack)
        yield view


def on_host(client: EngineClient, inspect: Json, *, strict: bool) -> AbstractContextManager[View]:
    """The view from this machine's /proc; see :func:`scratchlab.collect.held.held`."""
    if not os.path.exists("/proc/self/ns"):
        raise LabError(
            "this machine has no /proc of Linux, and --vantage host is impossible",
            "use --vantage debug",
        )
    # Only here: on other systems it cannot even be imported.
    from scratchlab.collect.host_view import host_view

    return host_view(client, inspect, strict=strict)


def _through_debug(
    client: EngineClient, inspect: Json, why: LabError | None, stack: ExitStack
) -> View:
    from scratchlab.collect.debug.view import debug_view

    try:
        return stack.enter_context(debug_view(client, inspect))
    except LabError as error:
        if why is None:
            raise
        # A person who chose neither is told of both.
        raise LabError(f"{error.what} (and from the host: {why.what})", error.mend) from error
