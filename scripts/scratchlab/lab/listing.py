"""A few entries as a person reads them: the lines of `ls -l`, kept in an observation."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

from scratchlab.model import Entry, Kind
from scratchlab.text import visible

MOST = 40  # entries that an observation keeps; the report has them all

KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}
_TYPES = {kind: bits for bits, kind in KINDS.items()}


@dataclass(frozen=True)
class ListedLine:
    """What an observation keeps of an entry. ``mode`` holds the permission bits."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    sha256: str | None = None
    target: str | None = None
    device: tuple[int, int] | None = None

    def __str__(self) -> str:
        letters = stat.filemode(_TYPES[Kind(self.kind)] | self.mode)
        arrow = f" -> {visible(self.target)}" if self.target is not None else ""
        size = "{}, {}".format(*self.device) if self.device else str(self.size)
        return f"{letters} {self.uid}:{self.gid} {size} {visible(self.path)}{arrow}"


def listed_line(entry: Entry) -> ListedLine:
    """The line of one entry."""
    return ListedLine(
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


def listed_content(entries: Iterable[Entry]) -> tuple[int, tuple[ListedLine, ...]]:
    """How many entries there are (the root itself not counted), and the first of them."""
    count, kept = 0, []
    for entry in entries:
        if entry.path == "/":
            continue
        count += 1
        if count <= MOST:
            kept.append(listed_line(entry))
    return count, tuple(kept)


def listed_text(count: int, lines: tuple[ListedLine, ...], most: int = 8) -> str:
    """The lines, one a line; more than ``most`` are counted only."""
    shown = [str(one) for one in lines[:most]]
    if count > len(shown):
        shown.append(f"... {count - len(shown)} more")
    return "\n".join(shown) if shown else "no entry"
