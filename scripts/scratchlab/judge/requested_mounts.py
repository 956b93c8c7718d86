"""The mounts that were requested for a container, as its runtime's config.json or inspect lists
them.

config.json is the stronger evidence: the runtime did exactly what it lists. Where it cannot be
read, inspect names the user's mounts and the engine's files, and DEFAULT_FILESYSTEMS the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scratchlab.judge.paths import resolve
from scratchlab.judge.rules.docker import DEFAULT_FILESYSTEMS, INIT_PROGRAM
from scratchlab.ledger import Ledger
from scratchlab.model import Facts

# Key in inspect -> target: the engine's own files.
NETWORK_FILES = {"HostnamePath": "/etc/hostname", "HostsPath": "/etc/hosts",
                 "ResolvConfPath": "/etc/resolv.conf"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestedMount:
    """One mount that was requested. ``listed_in`` is the kind of evidence that lists it:
    ``oci-config`` or ``inspect``.
    """

    target: str
    type: str
    source: str
    options: tuple[str, ...]
    listed_in: str

    @property
    def is_bind(self) -> bool:
        """Whether a path of the host is to be bound."""
        return self.type == "bind" or "bind" in self.options or "rbind" in self.options

    def __str__(self) -> str:
        options = f" ({', '.join(self.options)})" if self.options else ""
        return f"{self.type} {self.source} on {self.target}{options}"


def requested_mounts(facts: Facts, image: Ledger) -> dict[str, RequestedMount]:
    """The requested mounts by the path where each lands (the image's links followed)."""
    mounted = mount_targets(facts)
    requested: dict[str, RequestedMount] = {}
    for mount in _listed(facts, image):
        target = mount.target if mount.target in mounted else resolve(image, mount.target)
        requested[target] = mount
    return requested


def mount_targets(facts: Facts) -> frozenset[str]:
    """The paths where mountinfo shows a mount."""
    return frozenset(mount.target for mount in facts.mounts)


def user_mounts(
    inspect: Mapping[str, Any], image: Ledger, mounted: Collection[str] = ()
) -> dict[str, Mapping[str, Any]]:
    """The mounts that the user or the image's VOLUME requested, by the path where each lands, as
    inspect lists them (``Type``, and for most ``Source`` and ``RW``).

    ``mounted`` are the paths where mountinfo shows a mount; the image's links are followed for
    all other paths.
    """
    host_config = inspect.get("HostConfig") or {}
    listed = [(mount.get("Destination"), mount) for mount in inspect.get("Mounts") or []]
    listed += [(target, {"Type": "tmpfs"}) for target in host_config.get("Tmpfs") or {}]
    listed += [(mount.get("Target"), mount) for mount in host_config.get("Mounts") or []]
    users: dict[str, Mapping[str, Any]] = {}
    for target, mount in listed:
        if target:
            users.setdefault(target if target in mounted else resolve(image, target), mount)
    return users


def _listed(facts: Facts, image: Ledger) -> Iterator[RequestedMount]:
    config = facts.container.oci_config
    if config is None:
        yield from _listed_in_inspect(facts, image)
        return
    for mount in config.get("mounts") or []:
        yield RequestedMount(
            target=str(mount.get("destination", "")).rstrip("/") or "/",
            type=str(mount.get("type") or ""),
            source=str(mount.get("source") or ""),
            options=tuple(map(str, mount.get("options") or ())),
            listed_in="oci-config",
        )


def _listed_in_inspect(facts: Facts, image: Ledger) -> Iterator[RequestedMount]:
    inspect = facts.container.inspect
    for target, fstype in DEFAULT_FILESYSTEMS.items():
        yield RequestedMount(target, fstype, fstype, (), "inspect")
    for name, target in NETWORK_FILES.items():
        if inspect.get(name):
            yield RequestedMount(target, "bind", str(inspect[name]), (), "inspect")
    if (inspect.get("HostConfig") or {}).get("Init"):
        yield RequestedMount(INIT_PROGRAM, "bind", "", (), "inspect")
    for target, mount in user_mounts(inspect, image, mount_targets(facts)).items():
        fstype = "tmpfs" if mount.get("Type") == "tmpfs" else "bind"
        source = "tmpfs" if fstype == "tmpfs" else str(mount.get("Source") or "")
        options = () if mount.get("RW", True) else ("ro",)
        yield RequestedMount(target, fstype, source, options, "inspect")
    run_directory = str(inspect.get("HostsPath") or "").rpartition("/")[0]
    if facts.engine.name == "podman" and run_directory:
        # podman v4.3 libpod/container_internal_linux.go makeBindMounts(): beside the others.
        source = f"{run_directory}/.containerenv"
        yield RequestedMount("/run/.containerenv", "bind", source, (), "inspect")
