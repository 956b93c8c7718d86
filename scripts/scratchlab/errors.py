"""The one error that reaches a person: one line that says what happened and what mends it."""

from __future__ import annotations


class LabError(Exception):
    """The question could not be answered (exit status 2).

    ``what`` names what happened, and to what; ``mend`` is the command or act that mends it.
    Both may carry hostile names: the command line escapes them before it prints.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what}; {self.mend}" if self.mend else self.what
