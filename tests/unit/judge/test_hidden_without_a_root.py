"""What a mount hides of the writable layer, where the live root could not be read."""

from __future__ import annotations

from tests.unit.judge.handmade import check_judgement, facts, file, mount

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.prediction.predictions import Predictions
from scratchlab.ledger import Ledger


def test_it_is_told_all_the_same() -> None:
    writable = Ledger([file("/data/f", size=1)])
    evidence = EvidenceSet(facts(mount(9, "/data")), Ledger(), Ledger(), Ledger(), writable)
    judgement = judge(evidence, Predictions())
    check_judgement(judgement)
    assert judgement.notes == ("the tmpfs on /data hides 1 file of the writable layer: /data/f",)
