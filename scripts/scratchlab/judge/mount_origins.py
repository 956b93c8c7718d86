"""Who mounted what: each line of mountinfo gets its origin by evidence.

Evidence is: config.json lists the mount; for a bind, the file behind it has the device and inode
of the file that is named (or, where stat(2) of that file is impossible, mountinfo's root is the
end of its path); a mask has the form of a mask. Another mount at a requested target is not the
requested one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scratchlab.idmap import IdMap
from scratchlab.judge.cause import Cause, mount_line
from scratchlab.judge.paths import parents
from scratchlab.judge.requested_mounts import (
    RequestedMount,
    mount_targets,
    requested_mounts,
    user_mounts,
)
from scratchlab.judge.rules.docker import INIT_PROGRAM as DOCKER_INIT
from scratchlab.judge.rules.podman import INIT_PROGRAM as PODMAN_INIT
from scratchlab.judge.rules.rule import ROOT_DRIVERS
from scratchlab.judge.rules.runtime import DEVICES, SPEC_FILESYSTEMS
from scratchlab.ledger import Ledger
from scratchlab.model import Evidence, Facts, Mount, Origin

# Requested type -> types in mountinfo: a cgroup of version 1 is a tmpfs with mounts in it.
_TYPES = {"cgroup": ("cgroup", "cgroup2", "tmpfs"), "cgroup2": ("cgroup2",)}
_ENFORCED = frozenset({"ro", "nosuid", "noexec", "nodev"})
_CGROUP = "/sys/fs/cgroup"
_SECRETS = "/run/secrets"
# Hooks that engines themselves set: moby v20.10 daemon/oci_linux.go (libnetwork-setkey).
_ENGINE_HOOKS = ("libnetwork-setkey", "/libnetwork/")


class MountOrigins:
    """The mounts of one container and the cause of each: ``origins[mount]``."""

    def __init__(self, facts: Facts, image: Ledger, root: int | None) -> None:
        """``root`` is the id of the mount that the live root lies on."""
        self._facts = facts
        self._root = root
        self._engine = facts.engine.name or "docker"
        self._by_id = {mount.id: mount for mount in facts.mounts}
        self._requested = requested_mounts(facts, image)
        self._users = user_mounts(facts.container.inspect, image, mount_targets(facts))
        self._config: Mapping[str, Any] = facts.container.oci_config or {}
        self._listed_in = "oci-config" if self._config else "inspect"  # masks and the terminal
        self._ids = IdMap(facts.container.uid_map)
        linux = self._config.get("linux") or {}
        host_config = facts.container.inspect.get("HostConfig") or {}
        self._masked = {*(linux.get("maskedPaths") or host_config.get("MaskedPaths") or ())}
        self._readonly = {*(linux.get("readonlyPaths") or host_config.get("ReadonlyPaths") or ())}
        self._devices = {str(device.get("path")) for device in linux.get("devices") or []}
        self._causes: dict[int, Cause] = {}
        earlier: Counter[str] = Counter()  # mounts on the same target
        for mount in facts.mounts:
            self._causes[mount.id] = self._cause(mount, earlier[mount.target])
            earlier[mount.target] += 1

    def __getitem__(self, mount: Mount) -> Cause:
        """Who made ``mount``."""
        return self._causes[mount.id]

    def get(self, mount_id: int | None) -> Mount | None:
        """The mount with that id."""
        return None if mount_id is None else self._by_id.get(mount_id)

    def is_root(self, mount_id: int | None) -> bool:
        """Whether the id is that of the root's own mount."""
        return mount_id == self._root

    def is_bind(self, mount: Mount) -> bool:
        """Whether the mount shows a path of another filesystem, not a new filesystem."""
        requested = self._requested.get(mount.target)
        return mount.root != "/" or (requested is not None and requested.is_bind)

    def requested(self, target: str) -> RequestedMount | None:
        """The mount that was requested at ``target``."""
        return self._requested.get(target)

    @property
    def mountpoints(self) -> frozenset[str]:
        """What a runtime makes where it is missing: the targets of the requested mounts, and the
        directories above them and above configured devices.
        """
        targets = (path for target in self._requested for path in (*parents(target), target))
        return frozenset(
            (*targets, *(path for device in self._devices for path in parents(device)))
        )

    def _cause(self, mount: Mount, earlier: int) -> Cause:
        """``earlier`` is the number of mounts below ``mount`` on the same target."""
        line = mount_line(mount)
        if mount.id == self._root:
            driver = ROOT_DRIVERS.get(self._facts.engine.storage_driver, "")
            return Cause(Origin.STORAGE_DRIVER, f"{self._engine}-root{driver}", (line,))
        cause = self._mask(mount, line)
        if cause is None and not earlier:  # a requested mount is the first one on its target
            cause = self._as_requested(mount, line)
        return cause or self._implied(mount, line) or self._unexplained(mount, line)

    def _mask(self, mount: Mount, line: Evidence) -> Cause | None:
        path = mount.target
        # runc v1.1.5 libcontainer/rootfs_linux.go maskPath(): /dev/null over a file, an empty
        # read-only tmpfs over a directory.
        hides = mount.root == "/null" or (mount.fstype == "tmpfs" and "ro" in mount.options)
        if path in self._masked and hides:
            listed = Evidence(self._listed_in, f"{path} is a masked path")
            return Cause(Origin.RUNTIME_MASK, "masked-path", (listed, line))
        parent = self._by_id.get(mount.parent)
        if path in self._readonly and parent is not None:
            same = mount.device == parent.device and path.endswith(mount.root)
            if same and "ro" in mount.options:
                listed = Evidence(self._listed_in, f"{path} is a read-only path")
                return Cause(Origin.RUNTIME_MASK, "readonly-path", (listed, line))
        return None

    def _as_requested(self, mount: Mount, line: Evidence) -> Cause | None:
        requested = self._requested.get(mount.target)
        if requested is None:
            return None
        proof = self._proof(mount, requested)
        if proof is None:
            return None
        origin, rule = self._requester(mount.target, requested)
        listed = Evidence(requested.listed_in, str(requested))
        user = (self._user_request(mount.target),) if origin is Origin.USER_MOUNT else ()
        return Cause(origin, rule, (*user, listed, proof, line), self._doubt(mount, requested))

    def _user_request(self, path: str) -> Evidence:
        """Whether the user or the image asked for the user's mount at ``path``."""
        mount = self._users[path]
        target = mount.get("Destination") or mount.get("Target") or path
        config = self._facts.image.config.get("config") or {}
        name = mount.get("Name") or mount.get("Source") or ""
        what = f"{mount.get('Type') or 'a mount'} {name}".strip()
        if mount.get("Type") == "volume" and target in (config.get("Volumes") or {}):
            return Evidence("inspect", f"{what} on {target}: the image declares VOLUME {target}")
        return Evidence("inspect", f"{what} on {target} is asked for")

    def _proof(self, mount: Mount, requested: RequestedMount) -> Evidence | None:
        """What proves that ``mount`` is the requested one; None where it is another."""
        if not requested.is_bind:
            if mount.fstype in _TYPES.get(requested.type, (requested.type,)):
                return Evidence("mountinfo", f"its type is {mount.fstype}")
            return None
        paths = (requested.source, *self._aliases(requested))
        for source in self._facts.sources:
            if source.mount == mount.id and source.path in paths:
                device = "{}:{}".format(*source.device)
                where = "on the host and in the container"
                return Evidence(
                    "stat", f"{source.path} is inode {source.inode} of {device} {where}"
                )
        root = mount.root.removesuffix("//deleted")
        if root != "/" and (not requested.source or requested.source.endswith(root)):
            return Evidence("mountinfo", f"its root is {root}, of {mount.source}")
        if self._facts.sources:
            return None
        if self._below_own_directory(requested.source) == self._below_own_directory(root) != "":
            # The engine keeps its directory on a filesystem of its own, or in another container.
            return Evidence("mountinfo", f"its root is {root}, in the container's own directory")
        if root == "/":
            return Evidence("mountinfo", f"all of {mount.source} ({mount.fstype})")
        return None

    def _below_own_directory(self, path: str) -> str:
        """The part of ``path`` after the container's id; empty where the id is not in it."""
        container_id = self._facts.container.id
        return path.rpartition(container_id)[2] if container_id and container_id in path else ""

    def _aliases(self, requested: RequestedMount) -> tuple[str, ...]:
        """The same source as inspect names it (a path with links in it, resolved)."""
        return tuple(
            str(mount.get("Source") or "")
            for mount in self._facts.container.inspect.get("Mounts") or []
            if mount.get("Destination") == requested.target
        )

    def _requester(self, path: str, requested: RequestedMount) -> tuple[Origin, str | None]:
        """Who asked for the mount at ``path``, and the id of the rule."""
        if path in self._users:
            return Origin.USER_MOUNT, f"{self._engine}-user-mount"
        if not requested.is_bind:
            rule = "oci-filesystem" if path in SPEC_FILESYSTEMS else "engine-filesystem"
            return Origin.RUNTIME_FILESYSTEM, rule
        if path in (DOCKER_INIT, PODMAN_INIT):
            return Origin.ENGINE_MOUNT, f"{self._engine}-init-program"
        if path == "/dev/shm":  # noqa: S108 - a container's path
            return Origin.ENGINE_MOUNT, f"{self._engine}-shm"
        if path.startswith(_SECRETS) or "/mounts/secrets" in requested.source:
            return Origin.ENGINE_MOUNT, f"{self._engine}-secrets"
        if self._facts.container.id and self._facts.container.id in requested.source:
            files = "network-files" if self._engine == "docker" else "files"
            return Origin.ENGINE_MOUNT, f"{self._engine}-{files}"
        if path in SPEC_FILESYSTEMS or path.startswith(_CGROUP):  # the host's own, bound
            return Origin.RUNTIME_FILESYSTEM, "oci-filesystem"
        # The runtime's configuration has it and the engine was not asked for it: something edited
        # the configuration (CDI, a wrapper around the runtime).
        return Origin.HOOK_OR_TOOL, None

    def _doubt(self, mount: Mount, requested: RequestedMount) -> str:
        if requested.type in _TYPES and (self._ids.mapped or mount.fstype == "tmpfs"):
            # In a user namespace runc mounts the cgroups writable; of version 1 it is not the
            # tmpfs that is read-only but what is mounted in it
            # (runc v1.1.5 libcontainer/rootfs_linux.go mountCgroupV1()).
            return ""
        missing = _ENFORCED & {*requested.options} - {*mount.options, *mount.super_options}
        if not missing:
            return ""
        options = ", ".join(sorted(missing))
        return f"{requested.listed_in} has {options}, but mountinfo {','.join(mount.options)}"

    def _implied(self, mount: Mount, line: Evidence) -> Cause | None:
        """A mount that no list names but that follows from what one names."""
        path = mount.target
        cgroup = self._requested.get(_CGROUP)
        if path.startswith(_CGROUP + "/") and mount.fstype == "cgroup" and cgroup is not None:
            listed = Evidence(cgroup.listed_in, str(cgroup))
            return Cause(Origin.RUNTIME_FILESYSTEM, "engine-filesystem", (listed, line))
        if path in self._devices or path in DEVICES:
            sources = [source for source in self._facts.sources if source.mount == mount.id]
            own_name = mount.root == "/" + path.rpartition("/")[2]
            if own_name and (sources or not self._facts.sources):
                rule = "oci-device" if path in DEVICES else "configured-device"
                proof = (Evidence("stat", f"{sources[0].path} of the host"),) if sources else ()
                return Cause(Origin.RUNTIME_DEVICE, rule, (*proof, line))
        terminal = (self._config.get("process") or {}).get("terminal")
        terminal = terminal or (self._facts.container.inspect.get("Config") or {}).get("Tty")
        if path == "/dev/console" and mount.fstype == "devpts" and terminal:
            listed = Evidence(self._listed_in, "it has a terminal")
            return Cause(Origin.RUNTIME_DEVICE, "oci-console", (listed, line))
        return self._inside_bind(mount, line) or self._from_hook(line)

    def _inside_bind(self, mount: Mount, line: Evidence) -> Cause | None:
        """A mount of the host that came along with a recursive bind of the user's."""
        above = self._by_id.get(mount.parent)
        while above is not None and above.id not in (self._root, above.parent):
            requested = self._requested.get(above.target)
            users = above.target in self._users
            if requested is not None and users and "rbind" in requested.options:
                detail = f"{requested}, with everything that is mounted below it"
                listed = Evidence(requested.listed_in, detail)
                return Cause(Origin.USER_MOUNT, f"{self._engine}-user-mount", (listed, line))
            above = self._by_id.get(above.parent)
        return None

    def _from_hook(self, line: Evidence) -> Cause | None:
        """The first hook that is not the engine's own may have made the mount."""
        for stage, hooks in (self._config.get("hooks") or {}).items():
            for hook in hooks or []:
                command = " ".join([str(hook.get("path")), *map(str, hook.get("args") or [])])
                if not any(engine_hook in command for engine_hook in _ENGINE_HOOKS):
                    listed = Evidence("oci-config", f"{stage} hook: {command}")
                    return Cause(Origin.HOOK_OR_TOOL, None, (listed, line))
        return None

    def _unexplained(self, mount: Mount, line: Evidence) -> Cause:
        requested = self._requested.get(mount.target)
        if requested is None:
            return Cause(Origin.UNEXPLAINED, None, (line,))
        doubt = f"{requested.listed_in} has {requested}, but another mount is there"
        return Cause(Origin.UNEXPLAINED, None, (line,), doubt)
