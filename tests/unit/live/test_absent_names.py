"""A name that is listed and that nothing is found by is a change only if it is no longer listed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scratchlab.collect.live import directories, read_tree


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    """``read(listed)``: the note of a directory whose name ``x`` is listed so many times, and that
    nothing is found by, as of a whiteout that overlayfs shows.
    """

    def read(listed: int) -> str | None:
        (tmp_path / "d").mkdir()
        (tmp_path / "d/x").touch()
        opened, scanned = os.open, os.scandir
        lists = iter(range(listed))

        def no_such_file(path: Any, *arguments: Any, **options: Any) -> int:
            if path == "x":
                raise FileNotFoundError(2, "No such file or directory")
            return opened(path, *arguments, **options)

        class Without:
            """The listing of another directory, without names."""

            def __enter__(self) -> Any:
                return iter(())

            def __exit__(self, *_: object) -> None:
                pass

        def scandir(fd: int) -> Any:
            if not os.readlink(f"/proc/self/fd/{fd}").endswith("/d"):
                return scanned(fd)
            return scanned(fd) if next(lists, None) is not None else Without()

        monkeypatch.setattr(os, "open", no_such_file)
        monkeypatch.setattr(os, "scandir", scandir)
        root = opened(tmp_path, os.O_PATH)
        try:
            ledger = read_tree(root)
        finally:
            os.close(root)
        assert ledger.get("/d/x") is None
        found = ledger.get("/d")
        assert found is not None
        return found.note

    return read


def test_a_name_that_stays_listed_is_no_change(read: Callable[..., str | None]) -> None:
    assert read(listed=2) is None


def test_a_name_that_is_gone_from_the_list_was_removed(read: Callable[..., str | None]) -> None:
    assert read(listed=1) == "changed while read"


def test_a_list_that_cannot_be_read_again_is_a_change(
    read: Callable[..., str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, seen = directories.open_listing, set[str]()

    def once(fd: int) -> int:
        path = os.readlink(f"/proc/self/fd/{fd}")
        if path in seen:
            raise PermissionError
        seen.add(path)
        return opened(fd)

    monkeypatch.setattr(directories, "open_listing", once)
    assert read(listed=2) == "changed while read"
