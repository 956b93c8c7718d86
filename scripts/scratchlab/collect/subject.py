"""One container under examination: its process held, its facts and its image known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchlab.collect import facts, image, layer_ledgers, live
from scratchlab.collect.held import held
from scratchlab.collect.process import Process
from scratchlab.collect.vantage import check
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Facts
from scratchlab.progress import Progress

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of a container before its live root is opened.

    ``facts`` and ``image`` are all that a prediction may stand on.
    """

    facts: Facts
    image: Ledger
    process: Process
    progress: Progress

    def examine(self) -> EvidenceSet:
        """Read the live root and the engine's own layers, and prove that nothing moved meanwhile.

        Raises LabError if the process ended or was replaced while it was read.
        """
        with ExitStack() as undo:
            count = self.progress.step("reading the live root", "entries")
            root = live.read_root(self.process.root_fd, self.process.mounts, progress=count)
            undo.callback(root.close)
            init, writable = layer_ledgers.read(self.facts.layers)
            for ledger in (init, writable):
                if ledger is not None:
                    undo.callback(ledger.close)
            self.process.recheck()
            undo.pop_all()
        return EvidenceSet(self.facts, self.image, root, init, writable)


@contextmanager
def subject(
    client: EngineClient, ref: str, *, vantage: str = "auto", progress: Progress | None = None
) -> Iterator[Subject]:
    """Hold the process of the container ``ref``, gather its facts and read its image.

    Raises LabError when there is no such container, when it does not run, when its process is not
    on this machine or not ours to look into, or when its image cannot be read.
    """
    check(vantage)
    progress = progress or Progress()
    engine = client.facts()
    inspect = client.inspect_container(ref)
    with held(client, inspect) as process:
        told, ledger = image.read(client, engine, image.of_container(inspect), progress)
        yield Subject(
            facts.gather(client, engine, inspect, process, told), ledger, process, progress
        )
