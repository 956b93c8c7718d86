"""What every rung of the ladder provides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scratchlab.ladder.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Started:
    """A root filesystem that was started.

    ``pid`` is the process to read it through, ``command`` what a person would type, ``note`` what
    was unusual about the start. ``by_hand`` lists the paths that scratchlab itself had to make.
    ``hidden``: the process is a sandbox, and its root is not the container's.
    """

    pid: int
    command: str
    note: str = ""
    by_hand: tuple[str, ...] = ()
    hidden: bool = False


class Rung(Protocol):
    """One way to start a root filesystem."""

    id: str
    title: str
    tool: str
    package: str  # the Debian package of the tool

    def missing(self) -> str:
        """Why this rung cannot be tried on this machine, and the remedy; empty if it can."""

    def version(self) -> str:
        """The version of the tool. Raises LabError."""

    def up(self, workspace: Workspace) -> Started:
        """Start the root filesystem. Raises LabError if that is refused."""

    def down(self, directory: str) -> None:
        """End and remove everything that :meth:`up` started in ``directory``.

        That includes leftovers of an interrupted run. Raises LabError if something stays.
        """
