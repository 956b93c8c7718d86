"""The mounts that a container was given, as its runtime's config.json or its engine tells.

What config.json lists is the strongest: the runtime did exactly that. Where it cannot be read,
inspect names the user's mounts and the engine's files, and the rest is the engines' default list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scratchlab.judge.paths import resolve
from scratchlab.judge.rules.docker import DEFAULT_FILESYSTEMS, INIT_PROGRAM
from scratchlab.ledger import Ledger
from scratchlab.model import Facts

# The engine's own files, as inspect names them.
NETWORK_FILES = {"HostnamePath": "/etc/hostname", "HostsPath": "/etc/hosts",
                 "ResolvConfPath": "/etc/resolv.conf"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestedMount:
    """One mount that was asked for. ``kind`` says by whom: ``oci-config`` or ``inspect``."""

    target: str
    type: str
    source: str
    options: tuple[str, ...]
    kind: str

    @property
    def bound(self) -> bool:
        """Whether a path of the host is to be bound."""
        return self.type == "bind" or "bind" in self.options or "rbind" in self.options

    def __str__(self) -> str:
        options = f" ({', '.join(self.options)})" if self.options else ""
        return f"{self.type} {self.source} on {self.target}{options}"


def requested_mounts(facts: Facts, image: Ledger) -> dict[str, RequestedMount]:
    """What was asked for, by the place where it lands (the image's links followed)."""
    seen = requested_places(facts)
    found: dict[str, RequestedMount] = {}
    for one in _listed(facts, image):
        place = one.target if one.target in seen else resolve(image, one.target)
        found[place] = one
    return found


def requested_places(facts: Facts) -> frozenset[str]:
    """Where mountinfo shows a mount."""
    return frozenset(mount.target for mount in facts.mounts)


def user_mounts(
    inspect: Mapping[str, Any], image: Ledger, seen: Collection[str] = ()
) -> dict[str, Mapping[str, Any]]:
    """What the user or the image's VOLUME asked for, by the place where it lands, as inspect tells
    it (``Type``, and for most ``Source`` and ``RW``).

    ``seen`` are places that mountinfo names: with none, the image's links alone decide.
    """
    config = inspect.get("HostConfig") or {}
    asked = [(mount.get("Destination"), mount) for mount in inspect.get("Mounts") or []]
    asked += [(target, {"Type": "tmpfs"}) for target in config.get("Tmpfs") or {}]
    asked += [(mount.get("Target"), mount) for mount in config.get("Mounts") or []]
    found: dict[str, Mapping[str, Any]] = {}
    for target, mount in asked:
        if target:
            found.setdefault(target if target in seen else resolve(image, target), mount)
    return found


def _listed(facts: Facts, image: Ledger) -> Iterator[RequestedMount]:
    config = facts.container.oci_config
    if config is None:
        yield from _inspected(facts, image)
        own = str(facts.container.inspect.get("HostsPath") or "").rpartition("/")[0]
        if facts.engine.name == "podman" and own:
            # podman v4.3 libpod/container_internal_linux.go makeBindMounts(): beside the others.
            source = f"{own}/.containerenv"
            yield RequestedMount("/run/.containerenv", "bind", source, (), "inspect")
        return
    for mount in config.get("mounts") or []:
        yield RequestedMount(
            target=str(mount.get("destination", "")).rstrip("/") or "/",
            type=str(mount.get("type") or ""),
            source=str(mount.get("source") or ""),
            options=tuple(map(str, mount.get("options") or ())),
            kind="oci-config",
        )


def _inspected(facts: Facts, image: Ledger) -> Iterator[RequestedMount]:
    inspect = facts.container.inspect
    for target, fstype in DEFAULT_FILESYSTEMS.items():
        yield RequestedMount(target, fstype, fstype, (), "inspect")
    for name, target in NETWORK_FILES.items():
        if inspect.get(name):
            yield RequestedMount(target, "bind", str(inspect[name]), (), "inspect")
    if (inspect.get("HostConfig") or {}).get("Init"):
        yield RequestedMount(INIT_PROGRAM, "bind", "", (), "inspect")
    for place, mount in user_mounts(inspect, image, requested_places(facts)).items():
        tmpfs = mount.get("Type") == "tmpfs"
        source = "tmpfs" if tmpfs else str(mount.get("Source") or "")
        options = () if mount.get("RW", True) else ("ro",)
        yield RequestedMount(place, "tmpfs" if tmpfs else "bind", source, options, "inspect")
