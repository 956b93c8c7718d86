"""The kernel hands a long list of mounts out in pieces: they are read as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scratchlab import mountinfo
from scratchlab.collect import process


def test_a_long_list_of_mounts_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_CHUNK", 40)  # bytes, less than a line
    with process.hold_process(os.getpid()) as held:
        assert held.mounts == mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
        held.recheck()
