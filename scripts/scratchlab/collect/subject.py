"""One container under examination: its process held, its facts and its image known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchlab.collect import image, kept
from scratchlab.collect.vantage import View, opened
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
    view: View
    progress: Progress

    def examine(self) -> EvidenceSet:
        """Read the live root, what else can be read from there, and prove that nothing moved
        meanwhile. Raises LabError if the process ended or was replaced while it was read.
        """
        return self.view.examine(self.facts, self.image, self.progress)


@contextmanager
def subject(
    client: EngineClient,
    ref: str,
    *,
    vantage: str = "auto",
    progress: Progress | None = None,
    fresh: bool = False,
) -> Iterator[Subject]:
    """Open a view on the container ``ref``, gather its facts and read its image.

    ``fresh``: read the image even if its ledger is kept (:mod:`scratchlab.collect.kept`). Raises
    LabError when there is no such container, when it does not run, when it can be seen neither
    from this machine nor from a debug container (:mod:`scratchlab.collect.vantage`), or when its
    image cannot be read.
    """
    progress = progress or Progress()
    engine = client.facts()
    inspect = client.inspect_container(ref)
    with opened(client, inspect, vantage) as view:
        store = None if fresh else kept.store()
        told, ledger = image.read(client, engine, image.of_container(inspect), progress, store)
        yield Subject(view.facts(engine, told), ledger, view, progress)
