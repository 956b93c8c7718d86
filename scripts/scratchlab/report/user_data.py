"""The section ``user_data``: what was read of what lies on volumes and binds, and what stands out.

Digests and reports are compared only where they cover the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from scratchlab.errors import LabError
from scratchlab.model import Kind
from scratchlab.reading import UserData
from scratchlab.text import visible

if TYPE_CHECKING:
    from scratchlab.evidence import EvidenceSet
    from scratchlab.report.sections import HeadFields
    from scratchlab.report.user_data_sections import UserDataSection, UserMountSection

EVERYTHING = "everything"
_SET_ID = 0o6000
_CAPABILITIES = "security.capability"


def user_data_section(evidence: EvidenceSet) -> UserDataSection | None:
    """What was read of the user's data; None where there is none, or that is not known."""
    read = evidence.facts.user_data
    if read is None or not read.mounts:
        return None
    head = {member: user.mount for user in read.mounts for member in user.members}
    set_id: defaultdict[int, list[str]] = defaultdict(list)
    capable: defaultdict[int, list[str]] = defaultdict(list)
    devices: defaultdict[int, list[str]] = defaultdict(list)
    for entry in evidence.live:
        user = head.get(entry.mount or 0)
        if user is None:
            continue
        if entry.kind is Kind.FILE and entry.mode & _SET_ID:
            set_id[user].append(visible(entry.path))
        if any(name == _CAPABILITIES for name, _ in entry.xattrs):
            capable[user].append(visible(entry.path))
        if entry.device is not None:
            devices[user].append(visible(entry.path))
    targets = {mount.id: mount.target for mount in evidence.facts.mounts}
    sections: list[UserMountSection] = []
    for mount in read.mounts:
        inside = {
            target
            for number, target in targets.items()
            if number != mount.mount and number in mount.members
        }
        sections.append(
            {
                "target": visible(mount.target),
                "listed": mount.listed,
                "complete": mount.complete,
                "set_uid": set_id[mount.mount],
                "capabilities": capable[mount.mount],
                "devices": devices[mount.mount],
                "mounts": sorted(map(visible, inside)),
            }
        )
    return {"mode": str(read.mode), "most": read.most, "mounts": sections}


def covers(evidence: EvidenceSet) -> str:
    """What the digest of the live ledger covers, in words."""
    read = evidence.facts.user_data
    if read is None or read.mode is UserData.HASH or not read.mounts:
        return EVERYTHING
    if read.mode is UserData.NONE:
        return "everything but the user's data"
    return (
        f"everything but the user's data: of that, the first {read.most} entries of each mount,"
        " without contents that the image does not have"
    )


def covered(head: HeadFields) -> str:
    """What the digest in a report covers; reports of earlier versions cover everything."""
    return head["container"].get("ledger_covers", EVERYTHING)


def entries_cover(head: HeadFields) -> str:
    """What the entries of a report cover: less than its digest, where it was too large."""
    left_out = head.get("left_out")
    if not left_out:
        return covered(head)
    return f"{covered(head)}, without {left_out['entries']:,} entries: it was too large to be sent"


def require_same_coverage(one: HeadFields, other: HeadFields) -> None:
    """Raise LabError where two reports do not cover the same: they cannot be compared."""
    covers = [entries_cover(head) for head in (one, other)]
    if covers[0] != covers[1] or "left_out" in one:
        raise LabError(
            f"the reports cannot be compared: one covers {covers[0]}, the other {covers[1]}",
            "make both with the same --user-data",
        )
