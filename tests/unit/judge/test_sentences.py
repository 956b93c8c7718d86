"""What the judge says as proof: each sentence that it gives for the saved evidence is listed.

sentences.txt has a line for each: origin, rule, kind of evidence, sentence. Numbers and names that
differ from machine to machine are replaced. ``python -m tests.unit.judge.test_sentences`` writes it
again; read what changed.
"""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.judge.conftest import NAMES, SAVED

from scratchlab import evidence
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.prediction import predict

SENTENCES = Path(__file__).with_name("sentences.txt")
REPLACED = (
    (re.compile("[0-9a-f]{64}"), "ID"),
    (re.compile(r"inode \d+ of \d+:\d+"), "inode N"),
    (re.compile(r"snapshots/\d+"), "snapshots/N"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z"), "TIME"),
    (re.compile("SHA-256 is [0-9a-f]{12}, and the engine recorded [0-9a-f]+"), "SHA-256 differs"),
)


def sentences(evidence: EvidenceSet) -> Iterator[str]:
    """Every sentence that the judge gives for ``evidence``."""
    judgement = judge(evidence, predict(evidence.facts, evidence.image))
    found = [(item.origin, item.rule, item.evidence) for item in judgement.findings]
    found += [(item.origin, item.rule, item.evidence) for item in judgement.mounts]
    for origin, rule, evidence_of_it in found:
        for proof in evidence_of_it:
            yield plain(f"{origin} | {rule or ''} | {proof.kind} | {proof.detail}")
    for ghost in judgement.ghosts:
        yield plain(f"{ghost.origin} | {ghost.kind} | ghost | {ghost.actor}")
    for check in judgement.checks:
        yield f"check | {check.id} | {check.title} | {check.claim}"
        yield f"check | {check.id} | {check.verdict} | {check.cause} {check.help} | {check.command}"
        yield f"check | {check.id} | {check.observed} | {check.expected}"


def plain(sentence: str) -> str:
    """``sentence`` without what differs from machine to machine."""
    for pattern, name in REPLACED:
        sentence = pattern.sub(name, sentence)
    # Of a line of mountinfo, what it is called.
    return sentence.partition(", root /")[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_proof_is_a_known_sentence(saved: Callable[[str], EvidenceSet], name: str) -> None:
    known = set(SENTENCES.read_text().splitlines())
    assert set(sentences(saved(name))) - known == set()


def main() -> None:
    """Write sentences.txt again."""
    found: set[str] = set()
    for name in NAMES:
        with tempfile.TemporaryDirectory() as directory:
            place = SAVED / name
            if not place.exists():
                place = Path(directory)
                with tarfile.open(SAVED / f"{name}.tar.gz") as archive:
                    archive.extractall(place, filter="data")
            with evidence.load(str(place)) as loaded:
                found.update(sentences(loaded))
    SENTENCES.write_text("\n".join(sorted(found)) + "\n")


if __name__ == "__main__":
    main()
