"""The table of places: where each requested mount of a container lands, and what it then holds.

Prediction and evidence both ask it, each with the requests that its own sources list. A runtime
mounts in the order of its list and follows links inside the root as it finds them (runc v1.1.5
libcontainer/rootfs_linux.go with filepath-securejoin): links of the image, but not where the
engine's init layer put something else, nor below a mount; links on a mount of the user's are facts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from scratchlab.judge.paths import follow, is_below, upwards
from scratchlab.judge.rules.docker import DEFAULT_FILESYSTEMS, INIT_MADE, INIT_PROGRAM
from scratchlab.judge.versions import numbers
from scratchlab.ledger import Ledger
from scratchlab.model import Facts, Kind
from scratchlab.podman_command import command_line, device_paths, made_through_api

# Key in inspect -> target: the engine's own files.
NETWORK_FILES = {"HostnamePath": "/etc/hostname", "HostsPath": "/etc/hosts",
                 "ResolvConfPath": "/etc/resolv.conf"}  # fmt: skip
KERNEL_TYPES = frozenset({"proc", "sysfs", "cgroup", "cgroup2"})  # walked by nobody
_SHM = "/dev/shm"  # noqa: S108 - a container's path
_KERNEL_PATHS = ("/proc", "/sys")
_TARGET = ("dst", "destination", "target")  # names of a field of --mount
_SOURCE = ("src", "source")
NEW_FILESYSTEMS = frozenset({"tmpfs", "ramfs", "devpts"})  # that podman's --mount makes
_SET = ("", "true")
_READONLY = frozenset({"ro", "readonly"})


class Content(Enum):
    """What a place holds beside what is known to be put there."""

    NEW = "new"  # nothing: the filesystem was empty when it was mounted
    KERNEL = "kernel"  # what the kernel makes; never walked
    USERS = "users"  # somebody's data
    ENGINES = "engines"  # what the engine put there


@dataclass(frozen=True, slots=True)
class RequestedMount:
    """One mount that was requested. ``listed_in`` is the kind of evidence that lists it:
    ``oci-config`` or ``inspect``. ``wish`` is what inspect lists where the user or the image's
    VOLUME asked for it.
    """

    target: str
    type: str
    source: str
    options: tuple[str, ...]
    listed_in: str
    wish: Mapping[str, Any] | None = None

    @property
    def is_bind(self) -> bool:
        """Whether a path of the host is to be bound."""
        return self.type == "bind" or "bind" in self.options or "rbind" in self.options

    @property
    def content(self) -> Content:
        """What the mount holds when it is made."""
        if self.type in KERNEL_TYPES:
            return Content.KERNEL
        if self.type == "overlay" and self.wish is not None:
            return Content.USERS
        if not self.is_bind:
            return Content.NEW
        if is_the_kernels(self.source):
            return Content.KERNEL
        return Content.USERS if self.wish is not None else Content.ENGINES

    def __str__(self) -> str:
        options = f" ({', '.join(self.options)})" if self.options else ""
        kind = self.type or "bind"  # CDI files leave it out: "bind" is among the options
        what = f"{kind} {self.source}".rstrip()
        return f"{what} on {self.target}{options}"


def is_the_kernels(source: str) -> bool:
    """Whether a bind of ``source`` shows a filesystem of the kernel's."""
    return any(source == path or is_below(source, path) for path in _KERNEL_PATHS)


def has_init_layer(facts: Facts) -> bool:
    """Whether the engine puts a layer of its own between the image and the writable layer."""
    # moby#46607: 24.0 with the containerd image store made none; fixed in 25.0.
    engine = facts.engine
    old_store = engine.containerd_store and numbers(engine.version) < (25,)
    return engine.name == "docker" and not old_store


class Places:
    """Places of one container, in the order in which they were mounted."""

    def __init__(self, facts: Facts, image: Ledger) -> None:
        self._image = image
        self._links = facts.links or {}
        self._replaced = INIT_MADE if has_init_layer(facts) else {}
        self._content: dict[str, Content] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._content

    def add(self, path: str, content: Content) -> str:
        """Mount something at ``path``; returns where it lands."""
        target = self.resolve(path)
        self._content[target] = content
        return target

    def covering(self, path: str) -> str:
        """The target of the innermost mount at or above ``path``; ``/`` for the root's own."""
        return next((above for above in upwards(path) if above in self._content), "/")

    def content(self, target: str) -> Content | None:
        """What the place ``target`` holds; None for the root's own mount."""
        return self._content.get(target)

    def is_hidden_in_kernel(self, path: str) -> bool:
        """Whether ``path`` lies inside a kernel filesystem, so that no ledger has it."""
        above = self.covering(posixpath.dirname(path))
        return self._content.get(above) is Content.KERNEL

    def resolve(self, path: str) -> str:
        """``path`` with the symlinks followed that a runtime finds, inside the root."""
        return follow(path, self._link)

    def _link(self, path: str) -> str | None:
        """The target of the symlink at ``path``; None where something else is, or nothing."""
        if path in self._content:
            return None
        place = self._content.get(self.covering(posixpath.dirname(path)))
        if place in (Content.USERS, Content.KERNEL):
            return self._links.get(path)
        if place is not None:
            return None
        if path in self._replaced:
            return self._replaced[path]
        entry = self._image.get(path)
        return entry.target if entry is not None and entry.kind is Kind.SYMLINK else None


def wishes(
    inspect: Mapping[str, Any], lent: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Mapping[str, Any]]:
    """The mounts that the user or the image's VOLUME asked for, by their target as it was given,
    as inspect lists them (``Type``, and for most ``Source`` and ``RW``). ``lent`` are the mounts of
    containers that it has volumes from.

    podman writes a tmpfs to config.json with its links followed, and then does not find it again
    for its inspect (podman v4.3 libpod/container_internal_linux.go generateSpec() and
    sortUserVolumes()): the command line has it. Of a bind, inspect shows what config.json has,
    which proves nothing (container_inspect.go): there, too, the command line counts.
    """
    host_config = inspect.get("HostConfig") or {}
    listed = [(mount.get("Destination"), mount) for mount in inspect.get("Mounts") or []]
    listed += [(target, {"Type": "tmpfs"}) for target in host_config.get("Tmpfs") or {}]
    listed += [(mount.get("Target"), mount) for mount in host_config.get("Mounts") or []]
    listed += [(mount.get("Destination"), mount) for mount in lent]
    found: dict[str, Mapping[str, Any]] = {}
    for target, mount in listed:
        if target:
            found.setdefault(clean(str(target)), mount)
    # Of one that is no tmpfs, inspect says "bind".
    new = ((clean(target), kind) for target, kind in _new_of_command_line(inspect) if target)
    found.update({target: {"Type": kind} for target, kind in new})
    for target, source, options in _binds_of_command_line(inspect):
        asked = {"Type": "bind", "Source": source, "Destination": target}
        readonly = {"RW": False} if not options.isdisjoint(_READONLY) else {}
        overlay = {"Overlay": True} if "O" in options else {}
        found[target] = {**found.get(target, {}), **asked, **readonly, **overlay}
    return found


def ipc_modes(inspect: Mapping[str, Any]) -> tuple[str, ...]:
    """What --ipc asks for. podman 4.3 calls each mode "shareable" in its inspect; its command line
    has the option.
    """
    mode = (inspect.get("HostConfig") or {}).get("IpcMode") or "private"
    return str(mode), *command_line(inspect, "--ipc")


def _binds_of_command_line(inspect: Mapping[str, Any]) -> Iterator[tuple[str, str, set[str]]]:
    """Target, source and options of each bind of a path that podman's command line asks for in so
    many words: by absolute paths.
    """
    for value in (*command_line(inspect, "-v"), *command_line(inspect, "--volume")):
        source, target, options = [*value.split(":"), "", ""][:3]
        if source.startswith("/") and target.startswith("/"):
            yield clean(target), clean(source), set(options.split(","))
    for value in command_line(inspect, "--mount"):
        fields = dict(field.partition("=")[::2] for field in value.split(","))
        source = next((fields[name] for name in _SOURCE if name in fields), "")
        target = next((fields[name] for name in _TARGET if name in fields), "")
        if fields.get("type") == "bind" and source.startswith("/") and target.startswith("/"):
            yield clean(target), clean(source), {key for key in fields if fields[key] in _SET}


def _new_of_command_line(inspect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Target and type of each new filesystem that podman's command line asks for."""
    for value in command_line(inspect, "--tmpfs"):
        yield value.partition(":")[0], "tmpfs"
    for value in command_line(inspect, "--mount"):
        fields = dict(field.partition("=")[::2] for field in value.split(","))
        if fields.get("type") in NEW_FILESYSTEMS:
            yield next((fields[name] for name in _TARGET if name in fields), ""), fields["type"]


def in_mount_order(targets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The targets as an engine orders them: outer ones first, else as given."""
    # moby v20.10.24 daemon/volumes.go, mounts.Less(): by the number of parts.
    return sorted(targets, key=lambda target: target.count("/"))


def clean(path: str) -> str:
    """``path`` absolute, without ``.``, ``..``, and slashes that mean nothing."""
    return posixpath.normpath("/" + path.lstrip("/"))


def requests(facts: Facts) -> Iterator[RequestedMount]:
    """The requested mounts, in order, without the user's wishes.

    config.json is the stronger evidence: the runtime did exactly what it lists. Where it cannot be
    read, inspect names the user's mounts and the engine's files, and DEFAULT_FILESYSTEMS the rest.
    """
    config = facts.container.oci_config
    if config is None:
        yield from _listed_in_inspect(facts)
        return
    for mount in config.get("mounts") or []:
        yield RequestedMount(
            target=clean(str(mount.get("destination", ""))),
            type=str(mount.get("type") or ""),
            source=str(mount.get("source") or ""),
            options=tuple(map(str, mount.get("options") or ())),
            listed_in="oci-config",
        )


def _listed_in_inspect(facts: Facts) -> Iterator[RequestedMount]:
    inspect = facts.container.inspect
    users = wishes(inspect, facts.lent)
    *_, mode = ipc_modes(inspect)  # the command line's, where there is one
    podman = facts.engine.name == "podman"
    for target, fstype in DEFAULT_FILESYSTEMS.items():
        if target in users or (target == _SHM and mode == "none"):
            continue
        if "/dev" in users and target.startswith("/dev/"):
            continue  # moby v20.10.24 daemon/oci_linux.go WithMounts()
        # Another's, or one that others may join; podman binds a private one, too.
        bound = target == _SHM and (podman or mode != "private")
        yield RequestedMount(target, "bind" if bound else fstype, "" if bound else fstype, (),
                             "inspect")  # fmt: skip
    for target in in_mount_order(users):
        wish = users[target]
        fstype, source = str(wish.get("Type")), str(wish.get("Source") or "")
        options = () if wish.get("RW", True) else ("ro",)
        if wish.get("Overlay"):
            fstype, source, options = "overlay", "overlay", (*options, f"lowerdir={source}")
        elif fstype in NEW_FILESYSTEMS:
            source = fstype
        else:
            fstype = "bind"
        yield RequestedMount(target, fstype, source, options, "inspect")
    for name, target in NETWORK_FILES.items():
        if inspect.get(name) and target not in users:
            yield RequestedMount(target, "bind", str(inspect[name]), (), "inspect")
    if (inspect.get("HostConfig") or {}).get("Init") and INIT_PROGRAM not in users:
        yield RequestedMount(INIT_PROGRAM, "bind", "", (), "inspect")
    run_directory = str(inspect.get("HostsPath") or "").rpartition("/")[0]
    if podman and run_directory and "/run/.containerenv" not in users:
        # podman v4.3 libpod/container_internal_linux.go makeBindMounts(): beside the others.
        source = f"{run_directory}/.containerenv"
        yield RequestedMount("/run/.containerenv", "bind", source, (), "inspect")


def asked_devices(facts: Facts) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """Paths, as given, and numbers of the devices that --device asks for; None where the host's
    node, and so its number, cannot be read from here.

    podman's inspect shows them as config.json has them, and proves nothing (podman v4.3 to v5.8
    libpod/container_internal.go specFromState()): its command line does, where there is one.
    """
    inspect = facts.container.inspect
    if facts.devices is not None:
        yield from ((device.target, device.device) for device in facts.devices)
    elif facts.engine.name == "podman" and not made_through_api(inspect):
        for value in command_line(inspect, "--device"):
            host, inside = device_paths(value)
            if (inside or host).startswith("/"):
                yield inside or host, None
    else:
        for device in (inspect.get("HostConfig") or {}).get("Devices") or []:
            yield str(device.get("PathInContainer") or ""), None


def configured_devices(facts: Facts) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """The same for the devices that the runtime makes beside the default ones, as config.json
    lists them; where that cannot be read, as they were asked for.
    """
    config = facts.container.oci_config
    if config is None:
        yield from asked_devices(facts)
        return
    for device in (config.get("linux") or {}).get("devices") or []:
        yield str(device.get("path") or ""), (device.get("major"), device.get("minor"))


def placed_requests(facts: Facts, image: Ledger) -> tuple[Places, dict[str, list[RequestedMount]]]:
    """The places that the requests make, and the requests by the target where each lands."""
    mounted = {mount.target for mount in facts.mounts}
    users = wishes(facts.container.inspect, facts.lent)
    places = Places(facts, image)
    by_target: dict[str, list[RequestedMount]] = {}
    for request in requests(facts):
        landed = places.resolve(request.target)
        if landed not in mounted and request.target in mounted:
            landed = request.target
        asked = _as_asked(request, landed, users, places)
        places.add(landed, asked.content)
        by_target.setdefault(landed, []).append(asked)
    return places, by_target


def _as_asked(
    request: RequestedMount, landed: str, users: Mapping[str, Mapping[str, Any]], places: Places
) -> RequestedMount:
    """``request`` with the user's wish, also where that is a tmpfs by another path to ``landed``:
    podman lists it with its links followed.
    """
    if request.target in users or request.type != "tmpfs":
        return replace(request, wish=users.get(request.target))
    same = (wish for target, wish in users.items() if places.resolve(target) == landed)
    return replace(request, wish=next((one for one in same if one.get("Type") == "tmpfs"), None))


def user_targets(facts: Facts, image: Ledger) -> dict[str, Mapping[str, Any]]:
    """The user's mounts by the target where each lands, as inspect lists them."""
    _, by_target = placed_requests(facts, image)
    return {
        target: request.wish
        for target, listed in by_target.items()
        for request in listed
        if request.wish is not None
    }
