"""The one error that reaches a person: one line that says what happened and what fixes it."""

from __future__ import annotations


class LabError(Exception):
    """The question could not be answered (exit status 2).

    ``what`` names what happened, and to what; ``remedy`` is the command or act that fixes it.
    Both may carry hostile names: the command line escapes them before it prints.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what
