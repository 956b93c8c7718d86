"""How a live root was read: how much of the user's data, what a second look showed. No logic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class UserData(StrEnum):
    """How much is read of what lies on volumes and binds, the mounts that the user asked for."""

    NONE = "none"  # the mount itself
    LIST = "list"  # names, in their order, up to a bound; content only to compare with the image
    HASH = "hash"  # everything


@dataclass(frozen=True, slots=True)
class UserMount:
    """A mount of the user's, and how much of it was read.

    ``mount`` is its mountinfo id; ``members`` are the ids of it and of the host's mounts below it,
    which share its bound. ``is_volume``: the engine may have copied content of the image there.
    ``listed`` counts the entries below its target that the live ledger has; ``complete`` says that
    there were no others.
    """

    target: str
    mount: int
    is_volume: bool = False
    members: tuple[int, ...] = ()
    listed: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class UserDataRead:
    """What was read of the user's data: ``most`` entries of each mount (0: no bound)."""

    mode: UserData = UserData.HASH
    most: int = 0
    mounts: tuple[UserMount, ...] = ()


class Sight(StrEnum):
    """What a second look at a path showed."""

    SAME = "same"
    GONE = "gone"
    CHANGED = "changed"  # another entry, or one where there was none


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A path that came out wrong, looked at once more. ``changed`` is when what is there, or its
    status, was last changed (ctime, nanoseconds since 1970); None if not known. Where nothing is
    there, ``above`` is that of the nearest directory above it.
    """

    path: str
    sight: Sight
    changed: int | None = None
    above: int | None = None
