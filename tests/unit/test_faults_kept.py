"""A run of `python -m tests.mutants` that was cut off goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mutants import kept
from tests.mutants.faults import Fault


def fault(version: str) -> Fault:
    return Fault("scratchlab.x", "scratchlab.x.f", version, "x.f", "1", "2")


def test_what_was_found_is_kept_as_long_as_nothing_changes(tmp_path: Path) -> None:
    file = tmp_path / "build/kept.jsonl"
    assert kept.load(file, "one") == {}
    kept.add(file, fault("f_1"), noticed=True)
    kept.add(file, fault("f_2"), noticed=False)
    assert kept.load(file, "one") == {"scratchlab.x.f_1": True, "scratchlab.x.f_2": False}
    assert kept.load(file, "two") == {}
    assert kept.load(file, "one") == {}  # begun again: it is not known what happened between


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    kept.load(file, "one")
    kept.add(file, fault("f_1"), noticed=True)
    with file.open("a") as end:
        end.write('["scratchlab.x.f_2", tr')
    assert kept.load(file, "one") == {"scratchlab.x.f_1": True}


def test_program_and_tests_are_in_the_fingerprint_and_reasons_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    program, test = tmp_path / "scripts/scratchlab/a.py", tmp_path / "tests/unit/evidence.txt"
    reasons = tmp_path / "tests/mutants/survivors.toml"
    seen = set()
    for changed in (program, test):
        changed.parent.mkdir(parents=True)
        changed.write_text("1")
        seen.add(kept.fingerprint())
        changed.write_text("2")
        seen.add(kept.fingerprint())
    assert len(seen) == 4
    reasons.parent.mkdir()
    reasons.write_text("1")
    assert kept.fingerprint() in seen
