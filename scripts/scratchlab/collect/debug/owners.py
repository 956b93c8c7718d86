"""Owners as the host sees them, where the debug container shares a user namespace."""

from __future__ import annotations

from collections.abc import Sequence

from scratchlab.collect.live.look import Look

Ranges = tuple[tuple[int, int, int], ...]  # inside, outside, count
_OVERFLOW = 65534  # /proc/sys/kernel/overflowuid
_EVERYTHING = 4294967295  # the initial user namespace maps all ids to themselves


class Owners:
    """Maps ids that stat(2) gave inside of a user namespace to those outside of it."""

    def __init__(self, uids: Ranges = (), gids: Ranges = ()) -> None:
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


def _outside(number: int, ranges: Ranges) -> int:
    if number == _OVERFLOW:
        return number
    for inside, outside, count in ranges:
        if inside <= number < inside + count:
            return outside + number - inside
    return number


def ranges(text: bytes) -> Ranges:
    """The lines of a uid_map or gid_map file."""
    rows: Sequence[list[bytes]] = [line.split() for line in text.splitlines()]
    return tuple((int(inside), int(outside), int(count)) for inside, outside, count in rows)


def is_host(mapping: Ranges) -> bool:
    """Whether it is the mapping of a machine's initial user namespace."""
    return mapping == ((0, 0, _EVERYTHING),)
