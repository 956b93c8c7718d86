"""The user's data in a walk: names in their order up to a bound, content only on demand.

The order is that of a ledger: the names of a directory as bytes, each followed by what is below it.
What was mounted on the data by somebody else, and the directories on the way there, is read beyond
the bound, too.
"""

from __future__ import annotations

import heapq
import os
import posixpath
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from scratchlab import mountinfo
from scratchlab.model import Mount
from scratchlab.reading import UserData, UserDataRead, UserMount

MOST_LISTED = 1000  # entries of each mount
MOST_NAMES = 100_000  # in one directory: all must be read to know which come first


class OfImage(Protocol):
    """What the image has: used to decide which content is read for a comparison."""

    def has_file(self, path: str, size: int) -> bool:
        """Whether the image has a regular file of ``size`` bytes at ``path``."""


@dataclass(frozen=True, slots=True)
class UserDataPlan:
    """What is to be read of the user's data: of each of ``mounts`` ``most`` entries. ``image`` has
    what the engine may have copied to a volume (None: nothing is compared).
    """

    mode: UserData = UserData.HASH
    mounts: tuple[UserMount, ...] = ()
    most: int = MOST_LISTED
    image: OfImage | None = None


def read_so_far(
    plan: UserDataPlan, listed: Mapping[int, int], cut: Collection[int]
) -> UserDataRead:
    """What was read of ``plan``: the number of entries ``listed`` by the id of the mount, and the
    ids of those that have more (``cut``).
    """
    if plan.mode is UserData.HASH:
        return UserDataRead(plan.mode, 0, plan.mounts)
    mounts = (
        replace(user, listed=listed.get(user.mount, 0), complete=user.mount not in cut)
        for user in plan.mounts
    )
    return UserDataRead(plan.mode, plan.most if plan.mode is UserData.LIST else 0, tuple(mounts))


def come_and_go(plan: UserDataPlan, mounts: Sequence[Mount], root: int) -> Callable[[str], bool]:
    """Whether a mount at a target may come or go: below a mount of the user's it shows what the
    host does. Not where something else is mounted on the user's data.

    ``mounts`` are those of the process, ``root`` is the id of the one that its root lies on.
    """
    visible = mountinfo.visible_mounts(mounts, root)
    below = tuple(f"{user.target}/" for user in plan.mounts)
    others = tuple(f"{target}/" for target in targets_of_others(plan.mounts, visible))

    def comes_and_goes(target: str) -> bool:
        covers = any(other.startswith(f"{target}/") for other in others)
        return target.startswith(below) and not covers

    return comes_and_goes


def targets_of_others(users: Sequence[UserMount], visible: Mapping[str, Mount]) -> list[str]:
    """The targets of the mounts that did not come along with one of ``users``."""
    came_along = {member for user in users for member in user.members if member != user.mount}
    return [target for target, mount in visible.items() if users and mount.id not in came_along]


class BoundedMounts:
    """How far the walk is on each of the user's mounts."""

    def __init__(self, plan: UserDataPlan, visible: Mapping[str, Mount]) -> None:
        """``visible`` are the mounts that a path can reach, by target."""
        self._plan = plan
        self._members = {member for user in plan.mounts for member in user.members}
        bounded = plan.mounts if plan.mode is not UserData.HASH else ()
        self._head = {member: user.mount for user in bounded for member in user.members}
        most = plan.most if plan.mode is UserData.LIST else 0
        self._left = {user.mount: most for user in bounded}
        self._targets = {user.mount: user.target for user in bounded}
        self._volumes = {user.mount for user in bounded if user.is_volume}
        self._listed: defaultdict[int, int] = defaultdict(int)
        self._cut: set[int] = set()
        self._ways: defaultdict[str, set[str]] = defaultdict(set)
        for target in targets_of_others(bounded, visible):
            self._add_way(target)

    def holds(self, mount: int) -> bool:
        """Whether the mount with that id is one of the user's, however much is read of it."""
        return mount in self._members

    def _add_way(self, path: str) -> None:
        while path != "/":
            path, name = posixpath.split(path)
            if name in self._ways[path]:
                return
            self._ways[path].add(name)

    def is_bounded(self, mount: int) -> bool:
        """Whether the mount with that id is read up to a bound only."""
        return mount in self._head

    def first_names(self, mount: int, directory: str, names: Iterator[str]) -> list[str]:
        """Of the ``names`` in ``directory`` those to be read, the last one first."""
        head = self._head[mount]
        on_way = self._ways.get(directory, ())
        left = self._left[head]
        first: list[str] = []
        if not left:
            if next(names, None) is not None:
                self._cut.add(head)
        else:
            first = heapq.nsmallest(left + 1, islice(names, MOST_NAMES), key=os.fsencode)
            unknown = next(names, None) is not None  # which come first, then
            if unknown or len(first) > left:
                self._cut.add(head)
                first = [] if unknown else first[:left]
        return sorted({*first, *on_way}, key=os.fsencode, reverse=True)

    def may_read(self, mount: int, directory: str, name: str) -> bool:
        """Whether one more name, in a ``directory`` on that mount, is read."""
        head = self._head[mount]
        if self._left[head] or name in self._ways.get(directory, ()):
            return True
        self._cut.add(head)
        return False

    def count(self, mount: int, path: str) -> None:
        """Count the entry ``path`` on that mount."""
        head = self._head.get(mount)
        if head is not None and path != self._targets[head]:
            self._left[head] = max(0, self._left[head] - 1)
            self._listed[head] += 1

    def is_compared(self, mount: int, path: str, size: int) -> bool:
        """Whether the content of a file of ``size`` bytes is read: the image has one like it."""
        image = self._plan.image
        return mount in self._volumes and image is not None and image.has_file(path, size)

    def result(self) -> UserDataRead:
        """What was read."""
        return read_so_far(self._plan, self._listed, self._cut)
