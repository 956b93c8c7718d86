"""The error that a user reads: one line with what happened and how to fix it."""

from __future__ import annotations

from scratchlab.remedy import Remedy, advise, sentence


class LabError(Exception):
    """The question could not be answered (exit status 2).

    ``what`` names the problem and the object it concerns; ``remedy`` is the command or action that
    fixes it, as a sentence for this machine, and ``advice`` the same as data. All may contain
    hostile names: the command line escapes them before it prints.
    """

    def __init__(self, what: str, remedy: str | Remedy = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = remedy if isinstance(remedy, Remedy) else advise(remedy)
        self.remedy = sentence(self.advice)

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what
