"""A whole copy against the copy below it gives the layer between them."""

from __future__ import annotations

from scratchlab.collect import layer_ledgers
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind

ROOT = Entry("/", Kind.DIRECTORY, 0o755)
DIRECTORY = Entry("/d", Kind.DIRECTORY, 0o755)
FILE = Entry("/d/f", Kind.FILE, 0o644, size=1, sha256="aa", mtime=5)
OTHER = Entry("/d/g", Kind.FILE, 0o644)
WHITEOUT = (0, 0)


def test_what_is_the_same_is_no_change() -> None:
    written = Entry("/d", Kind.DIRECTORY, 0o755, mtime=7)  # as copying into a directory does
    tree = [ROOT, written, Entry("/d/f", Kind.FILE, 0o644, size=1, sha256="aa", mtime=5, mount=3)]
    assert list(layer_ledgers.changes_over(Ledger([ROOT, DIRECTORY, FILE]), Ledger(tree))) == []


def test_another_time_of_a_file_is_a_change() -> None:
    touched = Entry("/d/f", Kind.FILE, 0o644, size=1, sha256="aa", mtime=6)
    found = layer_ledgers.changes_over(
        Ledger([ROOT, DIRECTORY, FILE]), Ledger([ROOT, DIRECTORY, touched])
    )
    assert list(found) == [touched]


def test_what_is_new_or_other_is_a_change() -> None:
    changed = Entry("/d/f", Kind.FILE, 0o600, size=1, sha256="aa")
    found = layer_ledgers.changes_over(
        Ledger([ROOT, DIRECTORY, FILE]), Ledger([ROOT, DIRECTORY, changed, OTHER])
    )
    assert list(found) == [changed, OTHER]


def test_what_is_gone_is_one_whiteout() -> None:
    near = Entry("/d-e", Kind.FILE, 0o644)
    found = list(
        layer_ledgers.changes_over(Ledger([ROOT, DIRECTORY, FILE, OTHER, near]), Ledger([ROOT]))
    )
    assert [(one.path, one.kind, one.device) for one in found] == [
        ("/d", Kind.CHAR, WHITEOUT),
        ("/d-e", Kind.CHAR, WHITEOUT),
    ]
