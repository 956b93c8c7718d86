"""Files of the writable layer that a mount hides are told."""

from __future__ import annotations

from scratchlab.model import Entry

from .handmade import directory, facts, file, judged, mount

DATA = mount(5, "/data")


def notes(*writable: Entry) -> tuple[str, ...]:
    return judged(facts(DATA), directory("/data", 5), writable=writable).notes


def test_files_below_a_mount_are_named() -> None:
    paths = ["/data/a", "/data/b", "/data/c/d", "/data/e"]
    written = [directory("/data"), directory("/data/c"), *map(file, paths)]
    assert notes(*written) == (
        "the tmpfs on /data hides 4 files of the writable layer: /data/a, /data/b, /data/c/d, ...",
    )


def test_three_files_are_all_named() -> None:
    assert notes(*map(file, ("/data/a", "/data/b", "/data/c"))) == (
        "the tmpfs on /data hides 3 files of the writable layer: /data/a, /data/b, /data/c",
    )


def test_one_file_is_one_file() -> None:
    assert notes(file("/data/a")) == (
        "the tmpfs on /data hides 1 file of the writable layer: /data/a",
    )


def test_what_is_seen_and_what_is_removed_is_not_hidden() -> None:
    assert notes(file("/datafile"), Entry.whiteout("/data/gone"), file("/data")) == ()


def test_a_file_that_is_bound_over_is_hidden_if_it_holds_anything() -> None:
    assert len(notes(file("/data", size=3))) == 1


def test_without_a_writable_layer_nothing_is_known() -> None:
    assert judged(facts(DATA), directory("/data", 5), writable=None).notes == ()
