"""What is left of a reading that was given up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from scratchlab.collect.live import reader_process
from scratchlab.collect.live.reader_process import ReaderProcess

_LEADER = """
import subprocess, time
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


def test_a_process_that_hashes_and_does_not_end_is_named_by_its_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_process, "GRACE", 0.3)
    with subprocess.Popen(
        [sys.executable, "-c", _LEADER], start_new_session=True, stdout=subprocess.PIPE
    ) as leader:
        assert leader.stdout
        left = int(leader.stdout.readline())
        leader.kill()
    given_up = ReaderProcess.__new__(ReaderProcess)
    given_up._process = leader
    given_up._is_given_up = False
    assert given_up.left() == f"a process of the group {leader.pid}"
    monkeypatch.setattr(reader_process, "GRACE", 20)
    os.kill(left, signal.SIGKILL)
    assert given_up.left() == ""
