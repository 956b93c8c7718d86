"""A ledger is in tree order, and its digest ignores fields in which hosts differ."""

from pathlib import Path

import pytest

from scratchlab.ledger import FewPaths, HistoryReader, LayerChange, LayerStep, Ledger
from scratchlab.model import Entry, Kind


def file(path: str, **fields: object) -> Entry:
    return Entry(path, Kind.FILE, 0o644, sha256="0" * 64)._replace(**fields)  # type: ignore[arg-type]


def test_iteration_is_in_tree_order_whatever_bytes_names_have() -> None:
    paths = ["/", "/a", "/a/b", "/a/b/c", "/a b", "/a-b", "/a.b"]
    ledger = Ledger(file(p) for p in reversed(paths))
    assert [e.path for e in ledger] == paths


def test_removing_a_directory_removes_its_subtree_and_no_sibling() -> None:
    ledger = Ledger(file(p) for p in ["/a", "/a/b", "/a-b", "/ab"])
    ledger.remove("/a")
    assert [e.path for e in ledger] == ["/a-b", "/ab"]


def test_an_entry_survives_the_round_trip() -> None:
    entry = Entry(
        "/\udcff",
        Kind.CHAR,
        0o20,
        1,
        2,
        device=(5, 2),
        xattrs=(("user.x", b"\0"),),
        mtime=-1,
        note="n",
    )
    assert Ledger([entry]).get(entry.path) == entry


def test_the_digest_covers_content_and_not_times() -> None:
    digest = Ledger([file("/a", mtime=1, layer=0)]).digest()
    assert digest == Ledger([file("/a", mtime=2, layer=3, mount=7)]).digest()
    assert digest != Ledger([file("/a", sha256="1" * 64)]).digest()
    assert digest != Ledger([file("/a", mode=0o4644)]).digest()


def test_the_digest_is_made_again_after_every_change(tmp_path: Path) -> None:
    ledger = Ledger([file("/a")])
    seen = [ledger.digest()]
    ledger.put(file("/b"))
    seen.append(ledger.digest())
    ledger.update([file("/c"), file("/c/d")])
    seen.append(ledger.digest())
    ledger.remove_below("/c")
    seen.append(ledger.digest())
    ledger.remove("/c")
    seen.append(ledger.digest())
    ledger.remove("/b")
    assert len(set(seen)) == len(seen) - 1  # without /c it is as before it
    assert ledger.digest() == seen[0]
    ledger.save(tmp_path / "saved")
    assert Ledger.open_saved(tmp_path / "saved").digest() == seen[0]
    assert Ledger.open_saved(tmp_path / "saved", "sha256:known").digest() == "sha256:known"


@pytest.mark.parametrize("most", [1, 2, 3])
def test_few_paths_answer_as_their_ledger_does(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FewPaths, "MOST", most)
    entries = [file("/a"), file("/a/b")]
    few = FewPaths(Ledger(entries))
    assert [few.get(path) for path in ("/a", "/a/b", "/a/c", "/")] == [*entries, None, None]
    assert FewPaths(None).get("/a") is None


def test_a_saved_ledger_keeps_its_histories(tmp_path: Path) -> None:
    steps = (LayerStep(0, LayerChange.MADE), LayerStep(2, LayerChange.REMOVED))
    with Ledger() as ledger:
        ledger.put_histories([("/b", steps), ("/a\udce9", steps)])
        ledger.save(tmp_path / "saved")
    with Ledger.open_saved(tmp_path / "saved") as saved:
        assert list(saved.histories()) == [("/a\udce9", steps), ("/b", steps)]
        assert saved.history("/b") == steps
        reader = HistoryReader(saved)
        asked = ["/", "/a\udce9", "/a\udce9/x", "/b", "/c"]
        assert [reader.at(path) for path in asked] == [(), steps, (), steps, ()]
