"""Owners inside and outside of a user namespace (user_namespaces(7))."""

from __future__ import annotations

from dataclasses import dataclass

IdRanges = tuple[tuple[int, int, int], ...]  # first id inside, first id outside, count
OVERFLOW = 65534  # what an id without a mapping reads as: /proc/sys/kernel/overflowuid
# The initial user namespace maps all ids to themselves.
INITIAL: IdRanges = ((0, 0, 4294967295),)


def parse(text: bytes) -> IdRanges:
    """The lines of a ``uid_map`` or ``gid_map`` file. Raises ValueError for a damaged one."""
    rows = (line.split() for line in text.splitlines())
    return tuple((int(inside), int(outside), int(count)) for inside, outside, count in rows)


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
    """Owners of a container as the host sees them. Without ranges, ids are the host's."""

    ranges: IdRanges = ()

    def uid(self, number: int) -> int:
        """The id on the host for ``number`` inside."""
        if not self.ranges:
            return number
        found = outside(number, self.ranges)
        return OVERFLOW if found is None else found

    # Engines map groups by the same ranges (moby v26.1.5 daemon/daemon_unix.go, subgid).
    gid = uid

    @property
    def mapped(self) -> bool:
        """Whether root inside is another user outside."""
        return self.uid(0) != 0
