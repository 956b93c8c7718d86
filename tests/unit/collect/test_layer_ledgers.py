"""For vfs, a layer's ledger is the difference between two whole copies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab.collect import layer_ledgers
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Layers


def test_a_symlink_on_the_way_to_a_layer_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real/diff").mkdir(parents=True)
    (tmp_path / "real/diff/file").touch()
    (tmp_path / "link").symlink_to("real")
    before = os.listdir("/proc/self/fd")
    _, writable = layer_ledgers.read_layer_ledgers(Layers(upper=f"{tmp_path}/real/diff"))
    assert writable is not None
    with writable:
        assert [entry.path for entry in writable] == ["/", "/file"]
    for path in (f"{tmp_path}/link/diff", f"{tmp_path}/link"):
        with pytest.raises(NotADirectoryError):
            layer_ledgers.read_layer_ledgers(Layers(upper=path))
    assert os.listdir("/proc/self/fd") == before


ROOT = Entry("/", Kind.DIRECTORY, 0o755)
DIRECTORY = Entry("/d", Kind.DIRECTORY, 0o755)
FILE = Entry("/d/f", Kind.FILE, 0o644, size=1, sha256="aa", mtime=5)
OTHER = Entry("/d/g", Kind.FILE, 0o644)
WHITEOUT = (0, 0)


def test_an_equal_entry_is_not_a_change() -> None:
    written = Entry("/d", Kind.DIRECTORY, 0o755, mtime=7)  # as copying into a directory does
    tree = [ROOT, written, Entry("/d/f", Kind.FILE, 0o644, size=1, sha256="aa", mtime=5, mount=3)]
    assert list(layer_ledgers.changes_over(Ledger([ROOT, DIRECTORY, FILE]), Ledger(tree))) == []


def test_a_file_with_another_time_is_a_change() -> None:
    touched = Entry("/d/f", Kind.FILE, 0o644, size=1, sha256="aa", mtime=6)
    changes = layer_ledgers.changes_over(
        Ledger([ROOT, DIRECTORY, FILE]), Ledger([ROOT, DIRECTORY, touched])
    )
    assert list(changes) == [touched]


def test_an_added_or_differing_entry_is_a_change() -> None:
    changed = Entry("/d/f", Kind.FILE, 0o600, size=1, sha256="aa")
    changes = layer_ledgers.changes_over(
        Ledger([ROOT, DIRECTORY, FILE]), Ledger([ROOT, DIRECTORY, changed, OTHER])
    )
    assert list(changes) == [changed, OTHER]


def test_a_removed_subtree_is_one_whiteout() -> None:
    near = Entry("/d-e", Kind.FILE, 0o644)
    changes = list(
        layer_ledgers.changes_over(Ledger([ROOT, DIRECTORY, FILE, OTHER, near]), Ledger([ROOT]))
    )
    assert [(entry.path, entry.kind, entry.device) for entry in changes] == [
        ("/d", Kind.CHAR, WHITEOUT),
        ("/d-e", Kind.CHAR, WHITEOUT),
    ]
