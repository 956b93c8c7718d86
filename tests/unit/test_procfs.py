"""A process is identified by its number and its start, as long as it has not ended."""

from __future__ import annotations

import os
import subprocess
import sys

from scratchlab import procfs
from scratchlab.lab import leftovers


def test_process_that_ended_has_no_start_and_owns_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        begun = procfs.started(child.pid)
        assert begun is not None
        assert leftovers.owner(child.pid).endswith(f"/{child.pid}/{begun}")
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie: nobody has asked yet
        assert procfs.started(child.pid) is None
        assert leftovers.owner(child.pid) == ""
    assert procfs.started(child.pid) is None
