"""Files of the writable layer that a mount hides: no process of the container sees them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from scratchlab import mountinfo
from scratchlab.evidence import EvidenceSet
from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.judge.paths import upwards
from scratchlab.model import Entry, Kind, Mount

_MOST_NAMED = 3


def hidden_files(evidence: EvidenceSet, mounts: MountOrigins, root: int | None) -> Iterator[str]:
    """One sentence for each mount that hides anything but directories of the writable layer.

    ``root`` is the id of the mount that the live root lies on. An empty file at a mount's target
    is where the runtime mounts, and hides nothing.
    """
    if evidence.writable is None:
        return
    reachable = mountinfo.visible_mounts(evidence.facts.mounts, root)
    covers = {target: mount for target, mount in reachable.items() if not mounts.is_root(mount.id)}
    found: dict[str, list[str]] = {}
    for entry in evidence.writable:
        mount = None if entry.kind is Kind.DIRECTORY else _covering(entry, covers)
        if mount is not None:
            found.setdefault(mount.target, []).append(entry.path)
    for target, paths in found.items():
        more = ", ..." if len(paths) > _MOST_NAMED else ""
        count = "1 file" if len(paths) == 1 else f"{len(paths)} files"
        yield (
            f"the {covers[target].fstype} on {target} hides {count} of the writable layer: "
            f"{', '.join(paths[:_MOST_NAMED])}{more}"
        )


def _covering(entry: Entry, covers: dict[str, Mount]) -> Mount | None:
    if entry.is_whiteout:
        return None
    start = entry.path if entry.size else posixpath.dirname(entry.path)
    return next((covers[above] for above in upwards(start) if above in covers), None)
