"""Time limits that follow how fast the machine has shown to be, for modules.

The program has the same in scripts/scratchlab/deadlines.py. Needs only the standard library.
"""

from __future__ import annotations

import os
import time

VARIABLE = "SCRATCHLAB_PATIENCE"  # set by the playbooks from lab_patience
# Seconds from a module's start to the import of this one; 0.2 to 0.4 were measured (Python 3.11 on
# two idle cores).
USUAL_START = 0.5
MOST = 15.0  # times longer than usual: a start that took minutes was not slow but stuck


def _age() -> float:
    """Return the age of this process, in seconds (proc_pid_stat(5), field 22)."""
    with open("/proc/self/stat") as stat:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


SLOWNESS = min(max(_age() / USUAL_START, 1.0), MOST)


def patience() -> int:
    """Return how many times longer the user wants to wait."""
    text = os.environ.get(VARIABLE, "")
    return max(int(text), 1) if text.isdecimal() else 1


def allowed(seconds: float) -> float:
    """Return the time limit here for what takes at most ``seconds`` on a usual machine."""
    return seconds * SLOWNESS * patience()


def late(seconds: float) -> str:
    """Return the words that explain a time limit (of a usual machine) that has passed."""
    return (
        f"within {allowed(seconds):.0f} s; if this machine is slow or busy, give it longer:"
        f" -e lab_patience={patience() * 4} (in a playbook of your own, environment:"
        f" {{{VARIABLE}: {patience() * 4}}})"
    )
