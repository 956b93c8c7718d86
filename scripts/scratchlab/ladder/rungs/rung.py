"""What a rung provides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scratchlab.ladder.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Started:
    """A root that was started: the process to look through, and what a person would type.

    ``note`` says what is special; ``by_hand`` are entries that had to be put there.
    ``hidden``: the process is not the container's own, and its root another one.
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
    package: str  # Debian's package that brings the tool

    def missing(self) -> str:
        """Why this rung cannot be here, and what mends it; empty where it can be tried."""

    def version(self) -> str:
        """The tool's version."""

    def up(self, shop: Workspace) -> Started:
        """Start the root; raises LabError where that is refused."""

    def down(self, directory: str) -> None:
        """End and remove what :meth:`up` started, now or in a run that was killed."""
