"""Time limits that follow how fast this machine has shown to be.

Every limit is written down for a usual machine. It grows with the slowest start of a container that
this program has seen, and with the user's patience (``--patience``, ``SCRATCHLAB_PATIENCE``). The
modules of Ansible have the same in plugins/module_utils/patience.py.
"""

from __future__ import annotations

import os
import time

from scratchlab.errors import LabError
from scratchlab.remedy import Command, Remedy, Step, advise, lab

VARIABLE = "SCRATCHLAB_PATIENCE"
# Seconds in which an engine starts a container; 0.2 to 0.5 were measured (Docker 20.10 and 26.1 on
# two idle cores).
USUAL_START = 0.5
_SLOW_START = 1.0  # seconds: several times longer than usual, whatever network the container has
_LAST_STARTS = 3
_MOST = 15.0  # times longer than usual: a start that took minutes was not slow but stuck


class Pace:
    """What this machine has shown so far.

    ``patience`` is how many times longer the user wants to wait, ``slowest_start`` the longest time
    that a container took to start, in seconds.
    """

    def __init__(self, patience: int = 1) -> None:
        self.patience = patience
        self._starts: list[float] = []  # seconds; several threads append

    def note_start(self, seconds: float) -> None:
        """Remember that a container took that many seconds to start."""
        self._starts.append(seconds)

    @property
    def slowest_start(self) -> float:
        """The longest time that a container took to start; 0 where none was started yet."""
        return max(self._starts, default=0.0)

    @property
    def slowness(self) -> float:
        """How many times slower than usual this machine is, as far as is known; 1 or more."""
        return min(max(self.slowest_start / USUAL_START, 1.0), _MOST)

    def allowed(self, seconds: float) -> float:
        """The time limit here for what takes at most ``seconds`` on a usual machine."""
        return seconds * self.slowness * self.patience

    def at_once(self) -> int:
        """How many experiments the cores carry at the same time.

        One more than there are cores, since each waits for the engine most of the time; one on one
        core, and where the last containers all started slowly, whatever the reason. (One alone may
        have been slowed by what is done beside it.)
        """
        cores = len(os.sched_getaffinity(0))
        last = self._starts[-_LAST_STARTS:]
        return 1 if cores == 1 or (last and min(last) >= _SLOW_START) else cores + 1


PACE = Pace()  # of this process, which works with one engine


def allowed(seconds: float) -> float:
    """The time limit here for what takes at most ``seconds`` on a usual machine."""
    return PACE.allowed(seconds)


def longer(before: str = "") -> Remedy:
    """How to make every time limit longer, for the remedy of an error; ``before`` is the text of
    something else to do first.
    """
    more = PACE.patience * 4
    give = Step("give it longer", lab(f"-e lab_patience={more}"))
    alone = Step("or", (Command(f"scratchlab --patience {more}"),))
    return Remedy((*advise(before).steps, give, alone))


class LateError(LabError):
    """Something took longer than its time limit. ``what`` is the beginning of a sentence."""

    def __init__(self, what: str, seconds: float) -> None:
        reason = "this machine is slow or busy"
        if PACE.slowness > 1:
            reason = (
                f"this machine is slow: a container took up to {PACE.slowest_start:.1f} s to start"
                f" ({USUAL_START:g} s is usual)"
            )
        super().__init__(f"{what} within {seconds:.3g} s; {reason}", longer())


class Deadline:
    """A time limit that grows while it runs, if the machine shows meanwhile that it is slow."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` are those of a usual machine."""
        self._usual = seconds
        self._start = time.monotonic()

    def remaining(self) -> float:
        """The seconds that are left, 0 or more."""
        return max(self._start + allowed(self._usual) - time.monotonic(), 0.0)

    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0

    def late(self, what: str) -> LateError:
        """The error that says so; ``what`` is the beginning of its sentence."""
        return LateError(what, allowed(self._usual))
