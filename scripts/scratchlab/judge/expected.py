"""The expected ledger: what must be there, as far as a rule fixes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scratchlab.model import Entry, Kind, Mount, Origin


@dataclass(frozen=True, slots=True)
class ExpectedMount:
    """A mount at a path: its type and options that mountinfo must show, None where free."""

    fstype: str | None = None
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One path that must be there. Fields that the rule leaves open are None."""

    path: str
    origin: Origin
    rule: str
    kind: Kind | None = None
    mode: tuple[int, ...] = ()  # any of these; () is free
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    target: str | None = None
    device: tuple[int, int] | None = None
    mount: ExpectedMount | None = None
    walked: bool = True  # False: below a kernel filesystem, to be seen in mountinfo only

    def contradictions(self, live: Entry, mount: Mount | None) -> list[str]:
        """In words, how ``live`` (on ``mount``) is not what was predicted."""
        found = []
        for name in ("kind", "uid", "gid", "size", "target", "device"):
            wanted, seen = getattr(self, name), getattr(live, name)
            if wanted is not None and wanted != seen:
                found.append(f"{name} should be {_shown(wanted)} and is {_shown(seen)}")
        if self.mode and live.mode not in self.mode:
            wanted = " or ".join(f"{mode:04o}" for mode in self.mode)
            found.append(f"mode should be {wanted} and is {live.mode:04o}")
        return found + self.mount_contradictions(mount)

    def mount_contradictions(self, mount: Mount | None) -> list[str]:
        """The same for the mount alone."""
        if self.mount is None:
            return []
        if mount is None or mount.target != self.path:
            return ["should be a mount point and is none"]
        found = []
        if self.mount.fstype not in (None, mount.fstype):
            found.append(f"should be a mount of {self.mount.fstype} and is {mount.fstype}")
        lacking = self.mount.options - {*mount.options, *mount.super_options}
        if lacking:
            found.append(f"lacks the mount option {', '.join(sorted(lacking))}")
        return found


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Expected:
    """What was predicted. ``complete``: anything else that engine or runtime put there is a
    surprise. ``problems`` say where no prediction could be made.
    """

    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    complete: bool = False
    problems: tuple[str, ...] = ()
