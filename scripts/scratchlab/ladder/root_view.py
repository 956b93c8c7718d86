"""What a process shows of its root filesystem, as a step of the ladder keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from scratchlab import mountinfo
from scratchlab.collect import live
from scratchlab.collect.process import Process
from scratchlab.lab.listing import ListedEntry
from scratchlab.ladder.model import RootView, Step
from scratchlab.ledger import Ledger
from scratchlab.model import Entry


@contextmanager
def live_ledger(process: Process) -> Iterator[Ledger]:
    """Read the root filesystem of a held process. Raises LabError if it changed meanwhile."""
    with live.read_root(process.root_fd, process.mounts) as ledger:
        process.recheck()
        yield ledger


def view_of(
    step: Step,
    entries: Iterable[Entry],
    process: Process | None = None,
    by_hand: tuple[str, ...] = (),
) -> RootView:
    """The view of ``entries``, with the filesystems that ``process`` (if any) has mounted."""
    mounts = mountinfo.visible_mounts(process.mounts) if process is not None else {}
    return RootView(
        step,
        tuple(ListedEntry.of(entry) for entry in entries),
        by_hand,
        {path: mount.fstype for path, mount in mounts.items() if path != "/"},
    )
