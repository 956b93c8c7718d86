"""User and group ids inside and outside a user namespace (user_namespaces(7))."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

IdRanges = tuple[tuple[int, int, int], ...]  # first id inside, first id outside, count
OVERFLOW = 65534  # shown for an id without a mapping: /proc/sys/kernel/overflowuid
# The initial user namespace maps all ids to themselves.
INITIAL: IdRanges = ((0, 0, 4294967295),)


def parse(text: bytes) -> IdRanges:
    """Parse the content of a ``uid_map`` or ``gid_map`` file. Raises ValueError."""
    rows = (line.split() for line in text.splitlines())
    return tuple((int(inside), int(outside), int(count)) for inside, outside, count in rows)


@lru_cache(4096)  # an image has few owners, and many entries
def outside(number: int, ranges: IdRanges) -> int | None:
    """The id outside for ``number`` inside; None where it has no mapping."""
    for start, first, count in ranges:
        if start <= number < start + count:
            return first + number - start
    return None


def inside(number: int, ranges: IdRanges) -> int | None:
    """The id inside for ``number`` outside; None where it has no mapping."""
    return outside(number, tuple((first, start, count) for start, first, count in ranges))


@dataclass(frozen=True, slots=True)
class IdMap:
    """Maps the ids of a container to those of the host. Without ranges, they are the same."""

    ranges: IdRanges = ()

    def uid(self, number: int) -> int:
        """The id on the host for ``number`` inside."""
        if not self.ranges:
            return number
        mapped = outside(number, self.ranges)
        return OVERFLOW if mapped is None else mapped

    # Engines map groups by the same ranges (moby v26.1.5 daemon/daemon_unix.go, subgid).
    gid = uid

    @property
    def mapped(self) -> bool:
        """Whether the container is in a user namespace that is not the initial one. That may also
        be the reader's own, which changes no id for it.
        """
        return self.ranges not in ((), INITIAL)
