"""Accounts that an engine adds to a container, and where it takes them from. No logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FILES = ("/etc/passwd", "/etc/group")


@dataclass(frozen=True, slots=True)
class HostUser:
    """A line of the host's /etc/passwd; ``full_name`` is its GECOS field up to the first comma."""

    name: str
    uid: int
    gid: int
    full_name: str = ""
    home: str = ""


@dataclass(frozen=True, slots=True)
class Accounts:
    """``texts``: what the container has in FILES, as far as they are regular files of less than
    1 MiB. ``users``: those of the host's users that its options name, by number or by name.
    ``caller`` is the user of the host that runs an engine without root, None for root;
    ``callers_group`` is the name of its group.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    users: tuple[HostUser, ...] = ()
    caller: HostUser | None = None
    callers_group: str = ""
