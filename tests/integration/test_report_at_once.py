"""The report that is made during the first iteration of the findings equals one made afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.evidence import EvidenceSet
from scratchlab.lab import verification
from scratchlab.report.build import build
from scratchlab.report.policy.file import read
from tests.integration.conftest import Run

pytestmark = [pytest.mark.engine, pytest.mark.root]

POLICY = """\
allow:
  - path: /made
  - path: /tmp/*
"""
# What is done in the container, and by vantage whether the report is begun in the first iteration
# and whether it is kept: a debug container cannot see the writable layer.
CASES = {
    "nothing": ("true", {"host": [True], "debug": [True]}),
    "a directory": ("$b mkdir /made", {"host": [True], "debug": [True]}),
    "a file": ("$b mkdir /tmp; echo x > /tmp/x", {"host": [], "debug": [False]}),
    "a removal": ("$b rm /bin/sh", {"host": [], "debug": [False]}),
}


@pytest.mark.parametrize("vantage", ["host", "debug"])
@pytest.mark.parametrize("case", CASES)
def test_both_reports_are_the_same(
    engine: EngineClient, shell_image: Image, run_container: Run, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, vantage: str, case: str,
) -> None:  # fmt: skip
    script, begun = CASES[case]
    container = run_container(shell_image)
    name = str(container.id)
    shell = ["/bin/busybox", "sh", "-c", f"b=/bin/busybox; {script}"]
    assert container.exec_run(shell).exit_code == 0
    (tmp_path / "policy.yml").write_text(POLICY)
    policy = read(str(tmp_path / "policy.yml"))
    kept = []
    made = verification._Seen.made

    def noting(seen: Any, *arguments: Any) -> Any:
        report = made(seen, *arguments)
        kept.append(report is not None)
        return report

    monkeypatch.setattr(verification._Seen, "made", noting)
    evidence, once = verification.report(engine, name, policy, vantage=vantage)
    with evidence:
        assert kept == begun[vantage]
        again = _afterwards(engine, name, policy, vantage)
        assert (list(once.entries), once.head) == (list(again.entries), again.head)
    evidence, saved = verification.report(
        engine, name, policy, str(tmp_path / "evidence"), vantage=vantage
    )
    evidence.close()
    assert (tmp_path / "evidence").is_dir()
    assert kept == begun[vantage], "where evidence is saved, the report waits for that"
    assert (list(once.entries), once.head) == (list(saved.entries), saved.head)


def _afterwards(engine: EngineClient, name: str, policy: Any, vantage: str) -> Any:
    evidence, judgement = verification.verify(engine, name, vantage=vantage)
    with evidence:
        return build(evidence, judgement, judgement.checks, policy=policy)


def test_evidence_is_closed_and_saved_where_the_report_cannot_be_made(
    engine: EngineClient, shell_image: Image, run_container: Run, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    closed = []
    close = EvidenceSet.close

    def noting(evidence: EvidenceSet) -> None:
        closed.append(evidence.facts.container.id)
        close(evidence)

    def failing(*_: Any) -> Any:
        raise ValueError("no space")

    monkeypatch.setattr(EvidenceSet, "close", noting)
    monkeypatch.setattr(verification._Maker, "make", failing)
    name = str(run_container(shell_image).id)
    for directory in ("", str(tmp_path / "evidence")):
        with pytest.raises(ValueError, match="no space"):
            verification.report(engine, name, save=directory)
        assert closed.pop() == name
    assert (tmp_path / "evidence").is_dir()
