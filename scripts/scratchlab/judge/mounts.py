"""Who mounted what: each line of mountinfo gets its origin by evidence.

What is evidence: config.json lists the mount; for a bind, the file behind it has the device and
inode of the file that is named (or, where those cannot be asked, mountinfo's root is the end of
its path); a mask looks like a mask. A mount that stands where another was asked for is not it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scratchlab.idmap import IdMap
from scratchlab.judge import requested_mounts
from scratchlab.judge.cause import Cause, mount_line
from scratchlab.judge.paths import parents
from scratchlab.judge.requested_mounts import RequestedMount
from scratchlab.judge.rules.docker import INIT_PROGRAM
from scratchlab.judge.rules.podman import INIT_PROGRAM as PODMAN_INIT
from scratchlab.judge.rules.rule import ROOT_DRIVERS
from scratchlab.judge.rules.runtime import DEVICES, SPEC_FILESYSTEMS
from scratchlab.ledger import Ledger
from scratchlab.model import Evidence, Facts, Mount, Origin

# What a mount of a type may be in mountinfo: a cgroup of version 1 is a tmpfs with mounts in it.
_TYPES = {"cgroup": ("cgroup", "cgroup2", "tmpfs"), "cgroup2": ("cgroup2",)}
_ENFORCED = frozenset({"ro", "nosuid", "noexec", "nodev"})
_CGROUP = "/sys/fs/cgroup"
_SECRETS = "/run/secrets"
# Hooks that engines themselves set: moby v20.10 daemon/oci_linux.go (libnetwork-setkey).
_OWN_HOOKS = ("libnetwork-setkey", "/libnetwork/")


class MountOrigins:
    """The mounts of one container, judged once each."""

    def __init__(self, facts: Facts, image: Ledger, root: int | None) -> None:
        """``root`` is the id of the mount that the live root lies on."""
        self._facts = facts
        self._root = root
        self._engine = facts.engine.name or "docker"
        self._by_id = {mount.id: mount for mount in facts.mounts}
        self._told = requested_mounts.requested_mounts(facts, image)
        self._users = requested_mounts.user_mounts(
            facts.container.inspect, image, requested_mounts.requested_places(facts)
        )
        self._config: Mapping[str, Any] = facts.container.oci_config or {}
        self._ids = IdMap(facts.container.uid_map)
        linux = self._config.get("linux") or {}
        host_config = facts.container.inspect.get("HostConfig") or {}
        self._masked = {*(linux.get("maskedPaths") or host_config.get("MaskedPaths") or ())}
        self._readonly = {*(linux.get("readonlyPaths") or host_config.get("ReadonlyPaths") or ())}
        self._devices = {str(one.get("path")) for one in linux.get("devices") or []}
        self._causes: dict[int, Cause] = {}
        places: Counter[str] = Counter()
        for mount in facts.mounts:
            self._causes[mount.id] = self._cause(mount, places[mount.target])
            places[mount.target] += 1

    def __getitem__(self, mount: Mount) -> Cause:
        """Who made ``mount``."""
        return self._causes[mount.id]

    def get(self, number: int | None) -> Mount | None:
        """The mount with that id."""
        return None if number is None else self._by_id.get(number)

    def is_root(self, number: int | None) -> bool:
        """Whether the id is that of the root's own mount."""
        return number == self._root

    def is_bind(self, mount: Mount) -> bool:
        """Whether a path of another filesystem stands there, not a whole new filesystem."""
        asked = self._told.get(mount.target)
        return mount.root != "/" or (asked is not None and asked.bound)

    @property
    def needed(self) -> frozenset[str]:
        """The places of the mounts that were asked for, and the directories above them and above
        configured devices: what a runtime makes if missing.
        """
        places = (one for place in self._told for one in (*parents(place), place))
        return frozenset((*places, *(one for path in self._devices for one in parents(path))))

    def asked(self, path: str) -> RequestedMount | None:
        """What was to be mounted at ``path``."""
        return self._told.get(path)

    def _cause(self, mount: Mount, below: int) -> Cause:
        line = mount_line(mount)
        if mount.id == self._root:
            driver = ROOT_DRIVERS.get(self._facts.engine.storage_driver, "")
            return Cause(Origin.STORAGE_DRIVER, f"{self._engine}-root{driver}", (line,))
        found = self._mask(mount, line)
        if found is None and not below:  # a second mount on a place is none that was asked for
            found = self._listed(mount, line)
        return found or self._beside(mount, line) or self._unexplained(mount, line)

    def _mask(self, mount: Mount, line: Evidence) -> Cause | None:
        path = mount.target
        said = "oci-config" if self._config else "inspect"
        # runc v1.1.5 libcontainer/rootfs_linux.go maskPath(): /dev/null over a file, an empty
        # read-only tmpfs over a directory.
        hides = mount.root == "/null" or (mount.fstype == "tmpfs" and "ro" in mount.options)
        if path in self._masked and hides:
            evidence = Evidence(said, f"{path} is a masked path")
            return Cause(Origin.RUNTIME_MASK, "masked-path", (evidence, line))
        parent = self._by_id.get(mount.parent)
        if path in self._readonly and parent is not None:
            own = mount.device == parent.device and path.endswith(mount.root)
            if own and "ro" in mount.options:
                evidence = Evidence(said, f"{path} is a read-only path")
                return Cause(Origin.RUNTIME_MASK, "readonly-path", (evidence, line))
        return None

    def _listed(self, mount: Mount, line: Evidence) -> Cause | None:
        asked = self._told.get(mount.target)
        if asked is None:
            return None
        proof = self._proof(mount, asked)
        if proof is None:
            return None
        origin, rule = self._whose(mount.target, asked)
        wish = (self._wish(mount.target),) if origin is Origin.USER_MOUNT else ()
        evidence = (*wish, Evidence(asked.kind, str(asked)), proof, line)
        return Cause(origin, rule, evidence, self._doubt(mount, asked))

    def _wish(self, place: str) -> Evidence:
        """Whose wish a mount of the user's is."""
        mount = self._users[place]
        target = mount.get("Destination") or mount.get("Target") or place
        image = self._facts.image.config.get("config") or {}
        words = f"{mount.get('Type') or 'a mount'} {mount.get('Name') or mount.get('Source') or ''}"
        said = f"{words.strip()} on {target} is asked for"
        if mount.get("Type") == "volume" and target in (image.get("Volumes") or {}):
            said = f"{words.strip()} on {target}: the image declares VOLUME {target}"
        return Evidence("inspect", said)

    def _proof(self, mount: Mount, asked: RequestedMount) -> Evidence | None:
        if not asked.bound:
            if mount.fstype in _TYPES.get(asked.type, (asked.type,)):
                return Evidence("mountinfo", f"its type is {mount.fstype}")
            return None
        for source in self._facts.sources:
            if source.mount == mount.id and source.path in (asked.source, *self._aliases(asked)):
                number = "{}:{}".format(*source.device)
                detail = f"{source.path} is inode {source.inode} of {number}, here and there"
                return Evidence("stat", detail)
        root = mount.root.removesuffix("//deleted")
        if root != "/" and (not asked.source or asked.source.endswith(root)):
            return Evidence("mountinfo", f"its root is {root}, of {mount.source}")
        if not self._facts.sources and self._own_file(asked.source) == self._own_file(root) != "":
            # The engine keeps its directory on a filesystem of its own, or in another container.
            return Evidence("mountinfo", f"its root is {root}, in the container's own directory")
        if root == "/" and not self._facts.sources:
            return Evidence("mountinfo", f"all of {mount.source} ({mount.fstype})")
        return None

    def _own_file(self, path: str) -> str:
        """What comes after the container's id in ``path``, which nobody else's has."""
        identity = self._facts.container.id
        return path.rpartition(identity)[2] if identity and identity in path else ""

    def _aliases(self, asked: RequestedMount) -> tuple[str, ...]:
        """The same source as inspect names it (a path with links in it, resolved)."""
        return tuple(
            str(one.get("Source") or "")
            for one in self._facts.container.inspect.get("Mounts") or []
            if one.get("Destination") == asked.target
        )

    def _whose(self, path: str, asked: RequestedMount) -> tuple[Origin, str | None]:
        if path in self._users:
            return Origin.USER_MOUNT, f"{self._engine}-user-mount"
        if not asked.bound:
            rule = "oci-filesystem" if path in SPEC_FILESYSTEMS else "engine-filesystem"
            return Origin.RUNTIME_FILESYSTEM, rule
        if path in (INIT_PROGRAM, PODMAN_INIT):
            return Origin.ENGINE_MOUNT, f"{self._engine}-init-program"
        if path == "/dev/shm":  # noqa: S108 - a container's path
            return Origin.ENGINE_MOUNT, f"{self._engine}-shm"
        if path.startswith(_SECRETS) or "/mounts/secrets" in asked.source:
            return Origin.ENGINE_MOUNT, f"{self._engine}-secrets"
        if self._facts.container.id and self._facts.container.id in asked.source:
            named = "network-files" if self._engine == "docker" else "files"
            return Origin.ENGINE_MOUNT, f"{self._engine}-{named}"
        if path in SPEC_FILESYSTEMS or path.startswith(_CGROUP):  # the host's own, bound
            return Origin.RUNTIME_FILESYSTEM, "oci-filesystem"
        # In the runtime's configuration and nobody asked the engine for it: it was edited (CDI,
        # a wrapper around the runtime).
        return Origin.HOOK_OR_TOOL, None

    def _doubt(self, mount: Mount, asked: RequestedMount) -> str:
        if asked.type in _TYPES and (self._ids.mapped or mount.fstype == "tmpfs"):
            # In a user namespace runc mounts the cgroups writable; of version 1 it is not the
            # tmpfs that is read-only but what is mounted in it
            # (runc v1.1.5 libcontainer/rootfs_linux.go mountCgroupV1()).
            return ""
        lacking = _ENFORCED & {*asked.options} - {*mount.options, *mount.super_options}
        if not lacking:
            return ""
        names = ", ".join(sorted(lacking))
        return f"{asked.kind} asks for {names}, and mountinfo shows {','.join(mount.options)}"

    def _beside(self, mount: Mount, line: Evidence) -> Cause | None:
        """Mounts that no list names but that follow from one that does."""
        path = mount.target
        if path.startswith(_CGROUP + "/") and mount.fstype == "cgroup" and _CGROUP in self._told:
            evidence = Evidence(self._told[_CGROUP].kind, str(self._told[_CGROUP]))
            return Cause(Origin.RUNTIME_FILESYSTEM, "engine-filesystem", (evidence, line))
        if path in self._devices or path in DEVICES:
            named = [one for one in self._facts.sources if one.mount == mount.id]
            if mount.root == "/" + path.rpartition("/")[2] and (named or not self._facts.sources):
                rule = "oci-device" if path in DEVICES else "configured-device"
                proof = (Evidence("stat", f"{named[0].path} of the host"),) if named else ()
                return Cause(Origin.RUNTIME_DEVICE, rule, (*proof, line))
        terminal = (self._config.get("process") or {}).get("terminal")
        terminal = terminal or (self._facts.container.inspect.get("Config") or {}).get("Tty")
        if path == "/dev/console" and mount.fstype == "devpts" and terminal:
            evidence = Evidence("oci-config" if self._config else "inspect", "it has a terminal")
            return Cause(Origin.RUNTIME_DEVICE, "oci-console", (evidence, line))
        return self._inside_bind(mount, line) or self._hooked(line)

    def _inside_bind(self, mount: Mount, line: Evidence) -> Cause | None:
        """A mount of the host that came along with a recursive bind of the user's."""
        above = self._by_id.get(mount.parent)
        while above is not None and above.id not in (self._root, above.parent):
            asked = self._told.get(above.target)
            if asked is not None and above.target in self._users and "rbind" in asked.options:
                evidence = Evidence(asked.kind, f"{asked}, with all that is mounted below it")
                rule = f"{self._engine}-user-mount"
                return Cause(Origin.USER_MOUNT, rule, (evidence, line))
            above = self._by_id.get(above.parent)
        return None

    def _hooked(self, line: Evidence) -> Cause | None:
        for stage, hooks in (self._config.get("hooks") or {}).items():
            for hook in hooks or []:
                words = " ".join([str(hook.get("path")), *map(str, hook.get("args") or [])])
                if not any(own in words for own in _OWN_HOOKS):
                    evidence = Evidence("oci-config", f"{stage} hook: {words}")
                    return Cause(Origin.HOOK_OR_TOOL, None, (evidence, line))
        return None

    def _unexplained(self, mount: Mount, line: Evidence) -> Cause:
        asked = self._told.get(mount.target)
        if asked is None:
            return Cause(Origin.UNEXPLAINED, None, (line,))
        doubt = f"{asked.kind} asks for {asked}, and that is not what stands there"
        return Cause(Origin.UNEXPLAINED, None, (line,), doubt)
