"""For vfs, a layer's ledger is the difference between two whole copies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab.collect import layer_ledgers
from scratchlab.collect.live.closed import closed_ways
from scratchlab.collect.live.file_status import birth_of, mount_id_of
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Layers, Mount


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


# Directories that were made again, where a driver keeps whole trees:


def made_again(
    tmp_path: Path, start: int | None, *image: str, live: tuple[str, ...] = (), other: str = ""
) -> dict[str, int]:
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    mount_id = mount_id_of(fd)
    top = Mount(mount_id, 0, (8, 1), "/", "/", (), (), "ext4", "/dev/sda", ())
    entries = [
        Entry(path, Kind.DIRECTORY, 0o755, mount=mount_id + (path == other))
        for path in ("/", *(live or image))
    ]
    in_image = Ledger(Entry(path, Kind.DIRECTORY, 0o755) for path in ("/", *image))
    try:
        ways = closed_ways([top], mount_id)
        return layer_ledgers.made_again(fd, in_image, Ledger(entries), ways, start)
    finally:
        os.close(fd)


def test_a_directory_of_the_image_that_was_made_after_the_start(tmp_path: Path) -> None:
    (tmp_path / "d/sub").mkdir(parents=True)
    (tmp_path / "e").mkdir()
    born = {}
    for name in ("d", "d/sub", "e"):
        fd = os.open(tmp_path / name, os.O_PATH)
        born[f"/{name}"] = birth_of(fd) or 0
        os.close(fd)
    before = os.listdir("/proc/self/fd")
    assert made_again(tmp_path, 1, *born) == born
    assert made_again(tmp_path, born["/d"], *born) == {
        path: when for path, when in born.items() if when > born["/d"]
    }
    assert made_again(tmp_path, max(born.values()), *born) == {}
    assert made_again(tmp_path, None, *born) == {}
    assert made_again(tmp_path, 1, "/d", live=("/d", "/e")) == {"/d": born["/d"]}
    assert made_again(tmp_path, 1, *born, other="/e").keys() == {"/d", "/d/sub"}
    assert made_again(tmp_path, 1, "/d", "/gone").keys() == {"/d"}
    assert os.listdir("/proc/self/fd") == before


def test_a_file_or_an_unread_root_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    here = mount_id_of(fd)
    ways = closed_ways([Mount(here, 0, (8, 1), "/", "/", (), (), "ext4", "", ())], here)
    file = Entry("/f", Kind.FILE, 0o644, mount=here)
    image = Ledger([ROOT, file])
    assert layer_ledgers.made_again(fd, image, Ledger([]), ways, 1) == {}
    root = Entry("/", Kind.DIRECTORY, 0o755, mount=here)
    assert layer_ledgers.made_again(fd, image, Ledger([root, file]), ways, 1) == {}
    os.close(fd)
