"""A second look: what is as it was, what changed, what is gone, and where nobody looks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scratchlab.collect.live.closed import closed_ways
from scratchlab.collect.live.file_status import status_of, to_entry
from scratchlab.collect.second_look import look_again, mount_sight
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Mount
from scratchlab.reading import SecondLook, Sight


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/file").write_text("x")
    (tmp_path / "link").symlink_to("d")
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def entry(root: int, path: str) -> Entry:
    fd = os.open(path.lstrip("/"), os.O_PATH | os.O_NOFOLLOW, dir_fd=root)
    try:
        return to_entry(path, status_of(fd), ())
    finally:
        os.close(fd)


def look(root: int, path: str, before: Entry | None, *closed: str) -> Sight:
    seen = looked(root, path, before, *closed)
    assert (seen.path, seen.changed is None or seen.changed > 0) == (path, True)
    return seen.sight


def looked(root: int, path: str, before: Entry | None, *closed: str) -> SecondLook:
    here = status_of(root).mount
    top = Mount(here, 0, (0, 1), "/", "/", (), (), "ext4", "", ())
    mounts = [
        top,
        *(replace(top, id=here + 1, parent=here, target=name, fstype="fuse") for name in closed),
    ]
    with Ledger([before] if before else []) as live:
        (seen,) = look_again(root, live, [path], closed_ways(mounts, here))
    return seen


@pytest.mark.parametrize("path", ["/d", "/d/file", "/link"])
def test_what_was_not_touched_is_the_same(root: int, path: str) -> None:
    assert look(root, path, entry(root, path)) is Sight.SAME


@pytest.mark.parametrize("field", ["mode", "uid", "gid", "size", "mtime", "mount"])
def test_a_file_of_which_one_field_differs_has_changed(root: int, field: str) -> None:
    before = entry(root, "/d/file")
    other = before._replace(**{field: getattr(before, field) + 1})
    assert look(root, "/d/file", other) is Sight.CHANGED


@pytest.mark.parametrize("changes", [{"kind": Kind.FIFO}, {"device": (1, 3)}])
def test_another_type_or_device_is_a_change(root: int, changes: dict[str, Any]) -> None:
    other = entry(root, "/d")._replace(**changes)
    assert look(root, "/d", other) is Sight.CHANGED


@pytest.mark.parametrize("path", ["/d", "/link"])
def test_times_of_others_than_files_mean_nothing(root: int, path: str) -> None:
    before = entry(root, path)
    assert before.mtime is not None
    assert look(root, path, before._replace(mtime=before.mtime + 1)) is Sight.SAME
    assert look(root, path, before._replace(mode=before.mode ^ 1)) is Sight.CHANGED


def test_what_came_and_what_went(root: int) -> None:
    before = entry(root, "/d/file")
    assert look(root, "/d/file", None) is Sight.CHANGED
    os.unlink("d/file", dir_fd=root)
    assert look(root, "/d/file", before) is Sight.GONE
    assert look(root, "/d/file", None) is Sight.SAME


def test_when_it_was_last_changed_is_told(root: int) -> None:
    for path in ("/link", "/d/file"):
        status = os.stat(path[1:], dir_fd=root, follow_symlinks=False)
        assert looked(root, path, None).changed == status.st_ctime_ns
    assert looked(root, "/d/file", None, "/d").changed is None
    assert looked(root, "/none", None).changed is None


def test_of_what_is_gone_the_nearest_directory_above_is_asked(root: int) -> None:
    directory, top = (status_of(os.open(name, os.O_PATH, dir_fd=root)) for name in ("d", "."))
    for path, status in (("/d/gone", directory), ("/d/gone/deep", directory), ("/gone/a/b", top)):
        assert looked(root, path, None).above == status.ctime
    assert looked(root, "/d/file", None).above is None
    assert looked(root, "/d/gone", None, "/d").above is None


def test_what_is_closed_is_not_looked_at(root: int) -> None:
    before = entry(root, "/d/file")
    os.unlink("d/file", dir_fd=root)
    assert look(root, "/d/file", before, "/d") is Sight.SAME
    assert look(root, "/d/file", None, "/d") is Sight.SAME
    assert look(root, "/link", entry(root, "/link"), "/d") is Sight.SAME


def test_no_link_is_followed(root: int) -> None:
    assert look(root, "/link/file", None) is Sight.SAME  # not there: /link is no directory


def test_what_cannot_be_asked_is_gone(root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = entry(root, "/d/file")

    def refused(_: int, *, asked: bool) -> None:
        raise OSError

    monkeypatch.setattr("scratchlab.collect.second_look.status_of", refused)
    assert look(root, "/d/file", before) is Sight.GONE
    assert look(root, "/d/file", None) is Sight.SAME


def test_each_path_has_its_look_in_order(root: int) -> None:
    ways = closed_ways([Mount(status_of(root).mount, 0, (0, 1), "/", "/", (), (), "ext4", "", ())],
                       status_of(root).mount)  # fmt: skip
    with Ledger([entry(root, "/d")]) as live:
        looks = look_again(root, live, ["/none", "/link", "/d"], ways)
    assert [(look.path, look.sight) for look in looks] == [
        ("/none", Sight.SAME), ("/link", Sight.CHANGED), ("/d", Sight.SAME),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "sight"),
    [(1, Sight.SAME), (2, Sight.SAME), (3, Sight.CHANGED), (4, Sight.GONE), (None, Sight.SAME)],
)
def test_a_mount_that_came_since_is_there_or_gone_again(number: int | None, sight: Sight) -> None:
    one, two, three = (
        Mount(n, 0, (0, n), "/", f"/{n}", (), (), "tmpfs", "t", ()) for n in (1, 2, 3)
    )
    assert mount_sight(number, (one, two), (two, three)) is sight
