"""Devices of the host that a container gets, and what CDI files add for them. No logic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A device node that an option asks for: ``target`` is its path in the container, by the names
    that the user gave; ``device`` the major and minor number that the host's node has. ``file`` is
    the file of the engine's that asks for it in every container, empty for an option.
    """

    target: str
    device: tuple[int, int]
    file: str = ""


@dataclass(frozen=True, slots=True)
class CdiEdit:
    """A mount or a device node that a CDI file adds for ``device`` (``vendor.com/class=name``; all
    of ``vendor.com/class`` where it comes with each). ``source`` is the host's path of a mount and
    ``options`` are those of mount(8); for a node it is empty, and ``number`` is the device's major
    and minor number, None if not known.
    """

    file: str
    device: str
    target: str
    source: str = ""
    options: tuple[str, ...] = ()
    number: tuple[int, int] | None = None
