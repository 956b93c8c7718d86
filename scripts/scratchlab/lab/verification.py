"""One verification: predict, collect, judge; of a running container or from saved evidence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from scratchlab import evidence
from scratchlab.collect.vantage import open_container
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement, judge
from scratchlab.judge.prediction import predict
from scratchlab.model import Origin, Status
from scratchlab.progress import Progress

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

MOST_LOOKED_AT = 10_000  # paths of one second look


def verify(
    client: EngineClient,
    container: str,
    *,
    vantage: str = "auto",
    progress: Progress | None = None,
    fresh: bool = False,
) -> tuple[EvidenceSet, Judgement]:
    """Verify the running ``container``; the arguments are those of ``open_container``.

    The expected ledger is computed from the image and the facts before the live root is opened.
    Raises LabError when the container cannot be examined.
    """
    with open_container(
        client, container, vantage=vantage, progress=progress, fresh=fresh
    ) as opened:
        expected = predict(opened.facts, opened.image)
        collected = opened.collect()
        judgement = judge(collected, expected)
        # Within the block: the process is still held.
        doubtful = list(islice(_doubtful(judgement), MOST_LOOKED_AT))
        if doubtful:
            collected = opened.look_again(collected, doubtful)
            judgement = judge(collected, expected)
    return collected, judgement


def _doubtful(judgement: Judgement) -> Iterator[str]:
    """Paths that a container which writes meanwhile may have made come out wrong."""
    for finding in judgement.findings:
        if finding.status is Status.MISSING or finding.origin is Origin.UNEXPLAINED:
            yield finding.path


def replay(directory: str) -> tuple[EvidenceSet, Judgement]:
    """Judge the evidence saved in ``directory``. Raises LabError when there is none."""
    saved = evidence.load(directory)
    return saved, judge(saved, predict(saved.facts, saved.image))
