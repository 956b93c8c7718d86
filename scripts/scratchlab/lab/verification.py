"""One verification: predict, look, judge; from a running container or from saved evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchlab import evidence
from scratchlab.collect.vantage import examined
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
    """Examine the running container; raises LabError when that is impossible.

    ``fresh``: save and prove the image again, even if its ledger is kept from before.

    The expected ledger is computed from image and facts before the live root is opened.
    """
    with examined(client, container, vantage=vantage, progress=progress, fresh=fresh) as found:
        expected = predict(found.facts, found.image)
        seen = found.examine()
    return seen, judge(seen, expected)


def replay(directory: str) -> tuple[EvidenceSet, Judgement]:
    """The same from evidence saved in ``directory``; raises LabError when it is damaged."""
    seen = evidence.load(directory)
    return seen, judge(seen, predict(seen.facts, seen.image))
