"""Owners inside and outside of a user namespace (user_namespaces(7))."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scratchlab.collect.live.look import Look

OVERFLOW = 65534  # what an id without a mapping reads as: /proc/sys/kernel/overflowuid


@dataclass(frozen=True, slots=True)
class IdMap:
    """Ranges (inside, outside, count) of a uid_map; empty means that ids are the host's."""

    ranges: tuple[tuple[int, int, int], ...] = ()

    def uid(self, inside: int) -> int:
        """The id on the host for one inside."""
        for start, outside, count in self.ranges:
            if start <= inside < start + count:
                return outside + inside - start
        return OVERFLOW if self.ranges else inside

    # Engines map groups by the same ranges (moby v26.1.5 daemon/daemon_unix.go, subgid).
    gid = uid

    @property
    def mapped(self) -> bool:
        """Whether root inside is somebody else outside."""
        return self.uid(0) != 0


# Owners as the host sees them, where the debug container shares a user namespace.


IdRanges = tuple[tuple[int, int, int], ...]  # inside, outside, count
_OVERFLOW = 65534  # /proc/sys/kernel/overflowuid
_EVERYTHING = 4294967295  # the initial user namespace maps all ids to themselves


class OwnerMap:
    """Maps ids that stat(2) gave inside of a user namespace to those outside of it."""

    def __init__(self, uids: IdRanges = (), gids: IdRanges = ()) -> None:
        """Nothing is mapped where the ranges are empty: the reader saw the host's ids."""
        self._uids, self._gids = uids, gids

    def mapped(self, seen: Look) -> Look:
        """The look with the owner that a reader outside would see.

        An id without a mapping shows as 65534 inside (user_namespaces(7)). Whose that is cannot
        be known, so it stays.
        """
        if not self._uids and not self._gids:
            return seen
        return seen._replace(uid=_outside(seen.uid, self._uids), gid=_outside(seen.gid, self._gids))


def _outside(number: int, id_ranges: IdRanges) -> int:
    if number == _OVERFLOW:
        return number
    for inside, outside, count in id_ranges:
        if inside <= number < inside + count:
            return outside + number - inside
    return number


def id_ranges(text: bytes) -> IdRanges:
    """The lines of a uid_map or gid_map file."""
    rows: Sequence[list[bytes]] = [line.split() for line in text.splitlines()]
    return tuple((int(inside), int(outside), int(count)) for inside, outside, count in rows)


def is_host(mapping: IdRanges) -> bool:
    """Whether it is the mapping of a machine's initial user namespace."""
    return mapping == ((0, 0, _EVERYTHING),)
