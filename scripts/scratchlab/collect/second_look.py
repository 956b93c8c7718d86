"""A second look at paths that came out wrong: two looks at a moving thing differ.

The live root and the writable layer are read one after the other, so that a file that is made or
removed meanwhile belongs to neither. Linux only.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from scratchlab.collect.live.closed import ClosedWays
from scratchlab.collect.live.file_status import status_of, to_entry
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Mount
from scratchlab.reading import SecondLook, Sight

_COMPARED = ("kind", "mode", "uid", "gid", "size", "device", "mtime", "mount")


def look_again(
    root_fd: int, live: Ledger, paths: Iterable[str], closed: ClosedWays
) -> tuple[SecondLook, ...]:
    """What is at ``paths`` now, below the container's root ``root_fd``, against ``live``.

    What is ``closed``, or lies on a mount that came since, is not looked at: it is as it was, or
    gone.
    """
    looks = []
    for path in paths:
        before, (now, changed) = live.get(path), _entry(root_fd, path, closed)
        if path in closed:
            now = before
        if before is None or now is None:
            sight = Sight.GONE if now is None else Sight.CHANGED
            if before is None and now is None:
                sight = Sight.SAME
        else:
            sight = Sight.SAME if _same(before, now) else Sight.CHANGED
        above = None if now is not None or path in closed else _above(root_fd, path, closed)
        looks.append(SecondLook(path, sight, changed, above))
    return tuple(looks)


def _above(root_fd: int, path: str, closed: ClosedWays) -> int | None:
    """When the nearest directory above ``path`` was last changed; None if not known."""
    while path != "/":
        path = posixpath.dirname(path)
        entry, changed = _entry(root_fd, path, closed)
        if entry is not None:
            return changed
    return None


def mount_sight(mount: int | None, before: Iterable[Mount], after: Iterable[Mount]) -> Sight:
    """What became of the mount with the id ``mount``, on which an entry lies, between two readings
    of mountinfo: one that the first does not list came since, and is gone again or not.
    """
    if mount is None or any(mount == known.id for known in before):
        return Sight.SAME
    return Sight.CHANGED if any(mount == known.id for known in after) else Sight.GONE


def _same(before: Entry, now: Entry) -> bool:
    names = _COMPARED if now.kind is Kind.FILE else _COMPARED[:-2]  # times of others mean nothing
    return all(getattr(before, name) == getattr(now, name) for name in names)


def _entry(root_fd: int, path: str, closed: ClosedWays) -> tuple[Entry | None, int | None]:
    """What is at ``path``, and when it was last changed."""
    with closed.reach(root_fd, path) as fd:
        try:
            status = None if fd is None else status_of(fd, asked=True)
        except OSError:
            status = None
    return (None, None) if status is None else (to_entry(path, status, ()), status.ctime)
