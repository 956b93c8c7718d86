"""A run of `python -m tests.mutants` that was cut off goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mutants import kept
from tests.mutants.faults import Fault

MODULE, TEST, OTHER = "scripts/scratchlab/x.py", "tests/unit/test_x.py", "tests/unit/test_y.py"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    for name in (MODULE, TEST, OTHER, "tests/mutants/survivors.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    return tmp_path


def fault(version: str) -> Fault:
    return Fault("scratchlab.x", "scratchlab.x.f", version, "x.f", "1", "2")


def loaded(file: Path) -> kept.Found:
    return kept.load(file, kept.Snapshot.take())


def found_twice(root: Path) -> Path:
    """A noticed fault and a survivor."""
    file = root / "build/kept.jsonl"
    assert loaded(file) == {}
    kept.add(file, kept.Snapshot.take(), fault("f_1"), TEST, noticed=True)
    kept.add(file, kept.Snapshot.take(), fault("f_2"), None, noticed=False)
    assert loaded(file) == {"scratchlab.x.f_1": True, "scratchlab.x.f_2": False}
    return file


@pytest.mark.parametrize("changed", [MODULE, TEST])
def test_nothing_holds_once_the_function_or_the_test_changes(root: Path, changed: str) -> None:
    file = found_twice(root)
    (root / changed).write_text("2")
    assert loaded(file) == {}


def test_a_survivor_is_tried_again_once_anything_changes(root: Path) -> None:
    file = found_twice(root)
    (root / OTHER).write_text("2")
    assert loaded(file) == {"scratchlab.x.f_1": True}


def test_what_was_noticed_by_nobody_known_is_tried_again_too(root: Path) -> None:
    file = root / "kept.jsonl"
    kept.add(file, kept.Snapshot.take(), fault("f_1"), None, noticed=True)
    (root / OTHER).write_text("2")
    assert loaded(file) == {}


def test_a_reason_in_the_list_changes_nothing(root: Path) -> None:
    file = found_twice(root)
    (root / "tests/mutants/survivors.toml").write_text("2")
    assert len(loaded(file)) == 2


def test_the_last_result_counts(root: Path) -> None:
    file = found_twice(root)
    kept.add(file, kept.Snapshot.take(), fault("f_2"), TEST, noticed=True)
    assert loaded(file)["scratchlab.x.f_2"]


def test_a_line_that_was_cut_off_is_left_out(root: Path) -> None:
    file = found_twice(root)
    with file.open("a") as end:
        end.write('{"fault": "scratchlab.x.f_3", "noti')
    assert len(loaded(file)) == 2
