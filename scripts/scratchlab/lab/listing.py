"""The entries that an observation keeps, as lines like those of ``ls -l``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from scratchlab.model import Entry, Kind
from scratchlab.text import visible

_MOST_KEPT = 40  # entries that an observation keeps; the report has them all


@dataclass(frozen=True)
class ListedEntry:
    """The part of an :class:`~scratchlab.model.Entry` that an observation keeps.

    Its fields are JSON keys of observations. ``mode`` holds the permission bits.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    sha256: str | None = None
    target: str | None = None
    device: tuple[int, int] | None = None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The part of ``entry`` to keep."""
        return cls(
            path=entry.path,
            kind=str(entry.kind),
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
            size=entry.size,
            sha256=entry.sha256,
            target=entry.target,
            device=entry.device,
        )

    def __str__(self) -> str:
        filemode = Kind(self.kind).filemode(self.mode)
        arrow = f" -> {visible(self.target)}" if self.target is not None else ""
        size = "{}, {}".format(*self.device) if self.device else str(self.size)
        return f"{filemode} {self.uid}:{self.gid} {size} {visible(self.path)}{arrow}"


def count_and_first(entries: Iterable[Entry]) -> tuple[int, tuple[ListedEntry, ...]]:
    """The number of entries, without the root itself, and the first of them."""
    count, kept = 0, []
    for entry in entries:
        if entry.path == "/":
            continue
        count += 1
        if count <= _MOST_KEPT:
            kept.append(ListedEntry.of(entry))
    return count, tuple(kept)


def listing_text(count: int, entries: Sequence[ListedEntry], most: int = 8) -> str:
    """The first ``most`` of ``entries``, one a line, and how many of ``count`` are not shown."""
    lines = [str(entry) for entry in entries[:most]]
    if count > len(lines):
        lines.append(f"... {count - len(lines)} more")
    return "\n".join(lines) if lines else "no entry"
