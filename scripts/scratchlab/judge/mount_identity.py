"""Whether a mount is the one that was asked for: identity proves, presence does not.

The evidence is the device and inode of what is mounted and of what is named, mountinfo's root and
device where stat(2) cannot show them, and the order in which mounts were made.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence

from scratchlab import mountinfo
from scratchlab.judge.places import NEW_FILESYSTEMS, RequestedMount
from scratchlab.model import BindSource, Evidence, Facts, Mount

# Requested type -> types in mountinfo: a cgroup of version 1 is a tmpfs with mounts in it.
TYPES = {"cgroup": ("cgroup", "cgroup2", "tmpfs"), "cgroup2": ("cgroup2",)}
_DELETED = "//deleted"  # end of the root of a bind whose source was removed: fs/d_path.c


class MountIdentity:
    """The identity of the mounts of one container."""

    def __init__(self, facts: Facts, root: int | None) -> None:
        """``root`` is the id of the mount that the live root lies on."""
        self._facts = facts
        self._on_host = {source.path for source in facts.sources}
        self._sources_at: defaultdict[int, list[BindSource]] = defaultdict(list)  # by mount id
        self._sources_of: defaultdict[str, list[BindSource]] = defaultdict(list)  # by path
        for source in facts.sources:
            self._sources_at[source.mount].append(source)
            self._sources_of[source.path].append(source)
        self._visible = {
            mount.id for mount in mountinfo.visible_mounts(facts.mounts, root).values()
        }

    def sources(self, mount: Mount) -> Sequence[BindSource]:
        """The named paths that ``mount`` shows, by device and inode."""
        return self._sources_at.get(mount.id, ())

    def proof(self, mount: Mount, request: RequestedMount) -> Evidence | None:
        """The evidence that ``mount`` is what ``request`` asks for; None where it is not."""
        if not is_of_the_wishes_type(request):
            return None
        if not request.is_bind:
            known = mount.fstype in TYPES.get(request.type, (request.type,))
            if not known or _shows_another_directory(mount, request):
                return None
            return Evidence("mountinfo", f"its type is {mount.fstype}")
        named = tuple(path for path in self.names(request) if path)
        for source in self._sources_at.get(mount.id, ()):
            if source.path in named:
                number = "{}:{}".format(*source.device)
                if not source.inode:
                    detail = f"its root is {source.root} of {number}"
                    again = f"{source.path} mounted in the debug container shows the same"
                    return Evidence("mountinfo", f"{detail}; {again}")
                detail = (
                    f"{source.path} is inode {source.inode} of {number}, on the host and in the "
                    "container"
                )
                return Evidence("stat", detail)
        root = mount.root.removesuffix(_DELETED)
        if mount.root.endswith(_DELETED) and any(path.endswith(root) for path in named):
            detail = f"its root is {root}, which the host has removed or replaced since"
            return Evidence("mountinfo", detail)
        if mount.id not in self._visible:
            # Another mount covers it, so that stat(2) shows that one: its device and root decide.
            for source in (source for path in named for source in self._sources_of.get(path, ())):
                # stat(2) gives a subvolume of btrfs a device of its own.
                same_device = mount.device == source.device or mount.fstype == "btrfs"
                likely = not source.root and (source.path.endswith(root) or root == "/")
                if same_device and (source.root == root or likely):
                    detail = f"its root is {root}, of the device that {source.path} is on"
                    return Evidence("mountinfo", detail)
        elif self._on_host.intersection(named):
            return None  # the host has the named file, and it is another one
        # The engine's files cannot be seen from here: it runs in another container, or the facts
        # come from a debug container.
        if root != "/" and (not named or any(path.endswith(root) for path in named)):
            return Evidence("mountinfo", f"its root is {root}, of {mount.source}")
        if self._below_container_id(request.source) == self._below_container_id(root) != "":
            return Evidence("mountinfo", f"its root is {root}, in the container's own directory")
        debug = self._facts.container.vantage == "debug"
        if root == "/" and (debug or not self._facts.sources):
            return Evidence("mountinfo", f"all of {mount.source} ({mount.fstype})")
        if debug and request.wish is not None:
            # A link of the host's may lie between: /etc/localtime.
            detail = f"its root is {root}; that it is {request.source} cannot be seen from here"
            return Evidence("mountinfo", detail)
        return None

    def _below_container_id(self, path: str) -> str:
        """The part of ``path`` after the container's id, which no other container's path has."""
        container_id = self._facts.container.id
        return path.rpartition(container_id)[2] if container_id and container_id in path else ""

    def names(self, request: RequestedMount) -> Iterator[str]:
        """The source as inspect names it, with what is mounted below a volume; as config.json does
        where inspect names no path, for that shows what the runtime did, not who wanted it.
        """
        wish = request.wish or {}
        source = str(wish.get("Source") or "")
        if not source.startswith("/"):
            yield request.source
        yield source
        if wish.get("SubPath") and source:  # podman 5.4 libpod/define InspectMount
            yield posixpath.normpath(f"{source}/{wish['SubPath']}")
        host_config = self._facts.container.inspect.get("HostConfig") or {}
        for mount in host_config.get("Mounts") or []:
            if mount.get("Target") != wish.get("Destination") or not source:
                continue
            for key in ("VolumeOptions", "ImageOptions"):
                subpath = (mount.get(key) or {}).get("Subpath")
                if subpath:
                    yield posixpath.normpath(posixpath.join(source, str(subpath)))

    def of_root(self, mount: Mount) -> tuple[bool, tuple[Evidence, ...]]:
        """Whether the root's ``mount`` is the engine's, and what shows it: the engine's mount
        namespace has it where the engine says, or its books name the directory. What a process can
        repeat, such as mount options, is not a proof. Where that namespace is not known, it counts
        as the engine's without evidence.
        """
        if self._facts.host_mounts is None:
            return True, ()
        named = [posixpath.normpath(path) for path in self.root_names() if path]
        for other in self._facts.host_mounts:
            same = (other.device, other.root) == (mount.device, mount.root)
            if same and _is_named(other.target, named):
                return True, (Evidence("host", f"the engine mounted it on {other.target}"),)
        # A root of the overlay driver is an overlay's top: a directory in it is the container's.
        inside = "overlay" in mount.fstype and self._facts.layers.driver.startswith("overlay")
        if mount.root != "/" and not inside and _is_named(mount.root, named):
            return True, (Evidence("host", f"the engine keeps it in {mount.root}"),)
        where = ", ".join(named) or "a place that is not known"
        detail = f"the engine's mount namespace does not have this root on {where}"
        return False, (Evidence("host", detail),)

    def root_names(self) -> Iterator[str]:
        """Where the engine says that it mounted the root, or keeps it."""
        data = (self._facts.container.inspect.get("GraphDriver") or {}).get("Data") or {}
        yield str(data.get("MergedDir") or "")
        path = str(((self._facts.container.oci_config or {}).get("root") or {}).get("path") or "")
        bundle = posixpath.dirname(self._facts.container.oci_config_path)
        yield posixpath.join(bundle, path) if path else ""
        yield self._facts.layers.upper or ""


def is_of_the_wishes_type(request: RequestedMount) -> bool:
    """Whether config.json lists the kind of mount that the user asked for."""
    wish = request.wish or {}
    kind = wish.get("Type")
    if wish.get("Overlay"):  # podman -v SOURCE:TARGET:O
        return request.type == "overlay" and f"lowerdir={wish['Source']}" in request.options
    if kind in ("bind", "volume"):
        # Of a volume there may be an overlay, too; a source that is no path is no bind's.
        path = str(wish.get("Source") or "/").startswith("/")
        return request.is_bind or request.type == "overlay" or not path
    return kind not in NEW_FILESYSTEMS or request.type == kind


def _shows_another_directory(mount: Mount, request: RequestedMount) -> bool:
    """Whether ``mount`` is an overlay over another directory than the one that the user named
    (podman -v SOURCE:TARGET:O). An overlay of FUSE shows none.
    """
    shown = {option for option in mount.super_options if option.startswith("lowerdir=")}
    wanted = {option for option in request.options if option.startswith("lowerdir=")}
    return bool(shown and wanted) and shown != wanted


def _is_named(path: str, named: Sequence[str]) -> bool:
    """Whether ``path`` is one of ``named``, of which a link may lead to the beginning: three names
    at the end have to be the same.
    """
    parts = path.split("/")[1:]
    end = "/" + "/".join(parts[-3:])
    return any(path == name or (len(parts) > 2 and name.endswith(end)) for name in named)
