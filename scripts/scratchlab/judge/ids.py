"""Owners inside and outside of a user namespace (user_namespaces(7))."""

from __future__ import annotations

from dataclasses import dataclass

OVERFLOW = 65534  # what an id without a mapping reads as: /proc/sys/kernel/overflowuid


@dataclass(frozen=True, slots=True)
class Ids:
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
