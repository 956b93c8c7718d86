"""The view from the machine that runs the container."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from scratchlab.collect import facts, layer_ledgers, live
from scratchlab.collect.holding import hold_container
from scratchlab.collect.process import Process
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Facts, Image, Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.progress import Progress


class HostView:
    """``/proc/PID/root`` of the container's process, and the engine's directories."""

    def __init__(self, client: EngineClient, inspect: Json, process: Process) -> None:
        self._client = client
        self._inspect = inspect
        self._process = process

    def facts(self, engine: Engine, image: Image) -> Facts:
        """All that the engine, its runtime, the kernel and the host say."""
        return facts.gather(self._client, engine, self._inspect, self._process, image)

    def live(self, progress: Progress) -> Ledger:
        """The live ledger. Raises LabError if the process was replaced while it was read."""
        ledger = self._read(progress)
        try:
            self._process.recheck()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def examine(self, facts: Facts, image: Ledger, progress: Progress) -> EvidenceSet:
        """Read the live root and the engine's own layers, and prove that nothing moved meanwhile.

        Raises LabError if the process ended or was replaced while it was read.
        """
        with ExitStack() as undo:
            root = self._read(progress)
            undo.callback(root.close)
            init, writable = layer_ledgers.read(facts.layers)
            for ledger in (init, writable):
                if ledger is not None:
                    undo.callback(ledger.close)
            self._process.recheck()
            undo.pop_all()
        return EvidenceSet(facts, image, root, init, writable)

    def _read(self, progress: Progress) -> Ledger:
        count = progress.step("reading the live root", "entries")
        return live.read_root(self._process.root_fd, self._process.mounts, progress=count)


@contextmanager
def open_host_view(client: EngineClient, inspect: Json, *, strict: bool) -> Iterator[HostView]:
    """Hold the process of the container that ``inspect`` describes; raises LabError."""
    with hold_container(client, inspect, strict=strict) as process:
        yield HostView(client, inspect, process)
