"""A second look at what a server answers for is no look at what the kernel remembers of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab.collect import second_look
from scratchlab.collect.live.closed import closed_ways
from scratchlab.collect.live.file_status import FileStatus, status_of
from scratchlab.ledger import Ledger
from scratchlab.model import Mount


def test_whoever_answers_for_the_file_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").touch()
    looks = []

    def look(fd: int, *, asked: bool) -> FileStatus:
        looks.append(asked)
        return status_of(fd, asked=asked)

    monkeypatch.setattr(second_look, "status_of", look)
    root = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    try:
        here = status_of(root).mount
        top = Mount(here, 0, (0, 1), "/", "/", (), (), "ext4", "", ())
        with Ledger() as live:
            second_look.look_again(root, live, ["/f", "/gone/f"], closed_ways([top], here))
    finally:
        os.close(root)
    assert looks == [True, True]  # the second of them at the root: what was above is gone, too
