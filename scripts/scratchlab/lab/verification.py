"""One verification: predict, collect, judge; of a running container or from saved evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchlab import evidence
from scratchlab.collect.vantage import open_container
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement, judge
from scratchlab.judge.prediction import predict
from scratchlab.progress import Progress

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


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
    return collected, judge(collected, expected)


def replay(directory: str) -> tuple[EvidenceSet, Judgement]:
    """Judge the evidence saved in ``directory``. Raises LabError when there is none."""
    saved = evidence.load(directory)
    return saved, judge(saved, predict(saved.facts, saved.image))
