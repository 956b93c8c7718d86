"""Devices of the host that a container gets, and what CDI files add for them. No logic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A device node that HostConfig.Devices names: ``target`` is its path in the container, by the
    names that the user gave; ``device`` the major and minor number that the host's node has.
    """

    target: str
    device: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CdiEdit:
    """A mount or a device node that a CDI file adds for ``device`` (``vendor.com/class=name``; all
    of ``vendor.com/class`` where it comes with each). ``source`` is the host's path of a mount,
    empty for a node.
    """

    file: str
    device: str
    target: str
    source: str = ""
