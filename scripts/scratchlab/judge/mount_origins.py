"""Who mounted what: each line of mountinfo gets its origin by identity, never by presence.

A mount is the requested one if config.json (or inspect) lists it at that place, and what it shows
is what was asked for: for a bind, the file behind it has the device and inode of the file that is
named; otherwise the type. It is the host's if the engine's own mount namespace shows the same
device and root at the same path below the source of a bind. It was made later if its line stands
after those that the runtime makes last. What is left was mounted inside the running container.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scratchlab.idmap import IdMap
from scratchlab.judge.asked_devices import AskedDevices
from scratchlab.judge.cause import Cause, mount_line
from scratchlab.judge.host_mounts import HostMounts
from scratchlab.judge.hosts_sys import HostsSys
from scratchlab.judge.masks import Masks
from scratchlab.judge.mount_identity import TYPES, MountIdentity, is_of_the_wishes_type
from scratchlab.judge.paths import is_below, parents, upwards
from scratchlab.judge.places import (
    KERNEL_TYPES,
    Content,
    RequestedMount,
    configured_devices,
    ipc_modes,
    placed_requests,
)
from scratchlab.judge.rules.rule import ROOT_DRIVERS
from scratchlab.judge.rules.runtime import DEVICES
from scratchlab.judge.tools import DeviceFiles, by_hook
from scratchlab.judge.unasked import CGROUP, UnaskedMounts
from scratchlab.judge.who_asked import who_asked
from scratchlab.ledger import Ledger
from scratchlab.model import Evidence, Facts, Mount, Origin

_ENFORCED = frozenset({"ro", "nosuid", "noexec", "nodev"})
SHARED_MEMORY = frozenset({"docker-shm", "podman-shm"})  # rules
MADE_LATER = frozenset({Origin.MOUNTED_INSIDE, Origin.HOST_MOUNT})


class MountOrigins:
    """The mounts of one container and the cause of each: ``origins[mount]``. ``devices`` are the
    configured devices: where each lands, and its number (None: not known from here).
    """

    def __init__(self, facts: Facts, image: Ledger, root: int | None) -> None:
        """``root`` is the id of the mount that the live root lies on."""
        self._facts = facts
        self._root = root
        self._engine = facts.engine.name or "docker"
        self._by_id = {mount.id: mount for mount in facts.mounts}
        self._places, self._requests = placed_requests(facts, image)
        self._config: Mapping[str, Any] = facts.container.oci_config or {}
        self._listed_in = "oci-config" if self._config else "inspect"  # masks and the terminal
        self._ids = IdMap(facts.container.uid_map)
        self._masks = Masks(facts)
        self.device_files = DeviceFiles(facts)
        self._unasked = UnaskedMounts(facts, self.device_files)
        self.devices = {
            self._places.resolve(path): number for path, number in configured_devices(facts)
        }
        self.asked_devices = AskedDevices(facts, self.device_files, self._places.resolve)
        self._mounts_of_device = Counter(mount.device for mount in facts.mounts)
        self._shown = {(mount.device, mount.root, mount.target) for mount in facts.mounts}
        self._hosts_sys = HostsSys(facts, mapped=self._ids.mapped)
        self._host_mounts = HostMounts(facts.host_mounts or ())
        self._identity = MountIdentity(facts, root)
        self._late_from = self._masks.late_from
        self._matched: dict[int, RequestedMount] = {}  # by the id of the mount
        self._causes: dict[int, Cause] = {}
        # The nearest mount below each that fulfils a request, of as many as did then.
        self._above: dict[int, Mount | None] = {}
        self._above_known = 0
        pending = {target: list(listed) for target, listed in self._requests.items()}
        for number, mount in enumerate(facts.mounts):
            late = self._late_from is not None and number >= self._late_from
            self._causes[mount.id] = self._cause(mount, pending.get(mount.target, []), late)
        self._origins_at: defaultdict[str, set[Origin]] = defaultdict(set)
        for mount in facts.mounts:
            self._origins_at[mount.target].add(self._causes[mount.id].origin)
        self._covered_later = {
            target for target, origins in self._origins_at.items() if origins & MADE_LATER
        }

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
        request = self._matched.get(mount.id)
        return mount.root != "/" or (request is not None and request.is_bind)

    def request(self, mount: Mount) -> RequestedMount | None:
        """The request that ``mount`` fulfils."""
        return self._matched.get(mount.id)

    def requested(self, target: str) -> RequestedMount | None:
        """The mount that was requested at ``target``; the last one of several."""
        return self._requests[target][-1] if target in self._requests else None

    def origins_at(self, target: str) -> frozenset[Origin]:
        """The origins of all mounts on ``target``, hidden ones too."""
        return frozenset(self._origins_at.get(target, ()))

    def is_covered_later(self, path: str) -> bool:
        """Whether a mount that was made since the start lies on ``path`` or above it."""
        return not self._covered_later.isdisjoint(upwards(path))

    def resolve(self, path: str) -> str:
        """Where ``path`` leads in the container, the links that a runtime finds followed."""
        return self._places.resolve(path)

    def content(self, mount: Mount) -> Content:
        """What ``mount`` held when it was made."""
        cause = self._causes[mount.id]
        request = self._matched.get(mount.id)
        if mount.fstype in KERNEL_TYPES:
            return Content.KERNEL
        if request is not None:
            if cause.rule in SHARED_MEMORY:
                return self._shared_memory()
            return request.content
        if cause.origin in (Origin.USER_MOUNT, Origin.HOST_MOUNT):
            return Content.USERS
        copied = self._mounts_of_device[mount.device] > 1
        return Content.ENGINES if mount.root != "/" or copied else Content.NEW

    @property
    def mountpoints(self) -> frozenset[str]:
        """What a runtime makes where it is missing: the targets of the requested mounts, and the
        directories above them and above configured devices.
        """
        targets = (path for target in self._requests for path in (*parents(target), target))
        above = (path for device in self.devices for path in parents(device))
        # Of an unknown node: it may be a directory of nodes.
        unknown = (path for path, number in self.devices.items() if number is None)
        # Of a device by name, what is mounted for it is not known from everywhere.
        mounts = self._facts.mounts if self.device_files.unknown() else ()
        new = [m.target for m in mounts if self._causes[m.id].origin is Origin.UNEXPLAINED]
        unlisted = (path for target in new for path in (*parents(target), target))
        return frozenset((*targets, *above, *unknown, *unlisted))

    def _cause(self, mount: Mount, pending: list[RequestedMount], late: bool) -> Cause:
        """``pending`` are the requests for the target that no earlier mount fulfils; ``late``:
        the mount was made after the runtime was done.
        """
        line = mount_line(mount)
        if mount.id == self._root:
            driver = ROOT_DRIVERS.get(self._facts.engine.storage_driver, "")
            proved, proofs = self._identity.of_root(mount)
            if not proved:
                return Cause(Origin.UNEXPLAINED, None, (*proofs, line))
            return Cause(Origin.STORAGE_DRIVER, f"{self._engine}-root{driver}", (*proofs, line))
        if not late:
            made = (
                self._hosts_sys.cause(mount)
                or self._as_requested(mount, pending, line)
                or self._masks.cause(mount)
                or self._implied(mount, line)
            )
            if made is not None:
                return made
        return (
            self._from_host(mount, line, late)
            or by_hook(self._config, mount, line)
            or self._inside(mount, pending, line, late)
        )

    # What was asked for:

    def _as_requested(
        self, mount: Mount, pending: list[RequestedMount], line: Evidence
    ) -> Cause | None:
        for request in pending:
            proof = self._identity.proof(mount, request)
            if proof is None:
                continue
            pending.remove(request)
            self._matched[mount.id] = request
            listed = (Evidence(request.listed_in, str(request)), proof, line)
            doubt = self._doubt(mount, request)
            if request.wish is not None:
                users = f"{self._engine}-user-mount"
                wish = who_asked(self._facts, request.target, request.wish)
                return Cause(Origin.USER_MOUNT, users, (wish, *listed), doubt)
            owner = self._unasked.cause(mount.target, request)
            evidence = (*owner.evidence, *listed)
            return Cause(owner.origin, owner.rule, evidence, owner.doubt or doubt)
        return None

    def _doubt(self, mount: Mount, request: RequestedMount) -> str:
        """A sentence where mount options that the request enforces are missing."""
        if request.type in TYPES and (self._ids.mapped or mount.fstype == "tmpfs"):
            # In a user namespace runc mounts the cgroups writable; of version 1 the mounts in the
            # tmpfs are read-only, not the tmpfs itself
            # (runc v1.1.5 libcontainer/rootfs_linux.go mountCgroupV1()).
            return ""
        missing = _ENFORCED & {*request.options} - {*mount.options, *mount.super_options}
        if not missing:
            return ""
        names = ", ".join(sorted(missing))
        return (
            f"{request.listed_in} asks for {names}, and mountinfo shows {','.join(mount.options)}"
        )

    def _implied(self, mount: Mount, line: Evidence) -> Cause | None:
        """The cause of a mount that no list names but that follows from one."""
        path = mount.target
        cgroup = self.requested(CGROUP)
        own = cgroup is not None and cgroup.wish is None  # not with a bind of the user's
        if path.startswith(CGROUP + "/") and mount.fstype == "cgroup" and cgroup and own:
            evidence = Evidence(cgroup.listed_in, str(cgroup))
            return Cause(Origin.RUNTIME_FILESYSTEM, "engine-filesystem", (evidence, line))
        if path in self.devices or path in DEVICES:
            bound = self._identity.sources(mount)
            unseen = not self._facts.sources or self._facts.container.vantage == "debug"
            if mount.root == "/" + posixpath.basename(path) and (bound or unseen):
                proof = (Evidence("stat", f"{bound[0].path} of the host"),) if bound else ()
                if path in DEVICES:
                    return Cause(Origin.RUNTIME_DEVICE, "oci-device", (*proof, line))
                named = self.asked_devices.named(path, self.devices[path])
                if not named:
                    doubt = self.asked_devices.nobody()
                    return Cause(Origin.UNEXPLAINED, None, (*proof, line), doubt)
                return Cause(Origin.RUNTIME_DEVICE, "configured-device", (*named, *proof, line))
        terminal = (self._config.get("process") or {}).get("terminal")
        terminal = terminal or (self._facts.container.inspect.get("Config") or {}).get("Tty")
        if path == "/dev/console" and mount.fstype == "devpts" and terminal:
            evidence = Evidence(self._listed_in, "it has a terminal")
            return Cause(Origin.RUNTIME_DEVICE, "oci-console", (evidence, line))
        return None

    # What nobody asked for by name:

    def _from_host(self, mount: Mount, line: Evidence, late: bool) -> Cause | None:
        """A mount of the host below the source of a user's bind: it came with the bind, or later
        by propagation.
        """
        above = self.user_bind_above(mount)
        if above is None:
            return None
        request = self._matched[above.id]
        listed = Evidence(request.listed_in, f"{request}, with everything that is mounted below it")
        recursive = "rbind" in request.options or request.listed_in == "inspect"
        rule = f"{self._engine}-user-mount"
        if self._facts.host_mounts is None:
            # What comes by propagation lies on a slave and is one (Linux fs/pnode.c
            # propagate_one(); proc_pid_mountinfo(5): master).
            came = all(is_slave(passed) for passed in (above, mount))
            if not came and (late or not recursive):
                return None
            detail = "whether the host has this mount as well is not known from here"
            unknown = Evidence("host", detail)
            if late:
                return Cause(Origin.HOST_MOUNT, "host-mount", (unknown, listed, line))
            return Cause(Origin.USER_MOUNT, rule, (listed, unknown, line))
        below = posixpath.relpath(mount.target, above.target)
        sources = [path for path in self._identity.names(request) if path]
        paths = {posixpath.normpath(posixpath.join(source, below)) for source in sources}
        own = self._in_own_root(mount, paths)
        if own and recursive and not late:
            proof = Evidence("mountinfo", f"the bind shows the container's own root, with {own}")
            return Cause(Origin.USER_MOUNT, rule, (listed, proof, line))
        other = self._host_mounts.find(mount, sorted(paths), below)
        if other is None:
            return None
        proof = Evidence("host", f"the host has the same mount on {other.target}")
        if late or not recursive:
            return Cause(Origin.HOST_MOUNT, "host-mount", (proof, listed, line))
        return Cause(Origin.USER_MOUNT, rule, (listed, proof, line))

    def _in_own_root(self, mount: Mount, paths: Iterable[str]) -> str:
        """The target of the container's mount that ``mount`` is once more, where one of ``paths``
        leads through the root's own place on the host; otherwise empty. A runtime mounts in one
        namespace: what it has mounted below the root is below a later bind of ``/``, too.
        """
        for root in filter(None, self._identity.root_names()):
            for path in paths:
                target = path.removeprefix(root.rstrip("/")) or "/"
                if target != path and (mount.device, mount.root, target) in self._shown:
                    return target
        return ""

    def user_bind_above(self, mount: Mount) -> Mount | None:
        """The bind or volume of the user's that ``mount`` was mounted on, below its target."""
        above = self._matched_above(mount)
        if above is None:
            return None
        request = self._matched[above.id]
        users = request.wish is not None and request.is_bind
        return above if users and is_below(mount.target, above.target) else None

    def _matched_above(self, mount: Mount) -> Mount | None:
        """The nearest of the mounts that ``mount`` lies on that fulfils a request."""
        if self._above_known != len(self._matched):
            self._above_known = len(self._matched)
            self._above.clear()
        passed = {mount.id}
        above = self._below(mount)
        while above is not None and above.id not in self._matched:
            if above.id in passed:  # a loop of parents, which no kernel writes
                above = None
                break
            passed.add(above.id)
            above = self._above[above.id] if above.id in self._above else self._below(above)
        self._above.update(dict.fromkeys(passed, above))
        return above

    def _below(self, mount: Mount) -> Mount | None:
        below = self._by_id.get(mount.parent)
        return None if below is None or below.id in (self._root, below.parent) else below

    def _inside(
        self, mount: Mount, pending: Sequence[RequestedMount], line: Evidence, late: bool
    ) -> Cause:
        unknown = self.device_files.unknown()
        if not self._config and (unknown or self._facts.container.vantage == "host"):
            # Whether it was asked for is not known.
            return Cause(Origin.UNEXPLAINED, None, (*unknown, line))
        if pending and not late:
            return Cause(Origin.UNEXPLAINED, None, (line,), _another(pending[0]))
        proofs = [Evidence(self._listed_in, f"no mount on {mount.target} is listed")]
        if self._requests.get(mount.target):
            detail = f"the mount that is listed on {mount.target} is another one"
            proofs = [Evidence(self._listed_in, detail)]
        if self._facts.host_mounts is not None:
            proofs.append(Evidence("host", "the host has no such mount below the source of a bind"))
        if late:
            detail = "its line stands after those of the masks, which the runtime mounts last"
            proofs.append(Evidence("mountinfo", detail))
        proofs += self._masks.later(mount)
        return Cause(Origin.MOUNTED_INSIDE, "mounted-inside", (*proofs, line))

    def _shared_memory(self) -> Content:
        """What the engine's /dev/shm held: it may be the host's or another container's."""
        modes = ipc_modes(self._facts.container.inspect)
        return Content.NEW if {*modes} <= {"private", "shareable"} else Content.USERS


def _another(request: RequestedMount) -> str:
    """The sentence for a mount that is not the one that ``request`` asks for."""
    wish = request.wish or {}
    source = str(wish.get("Source") or "")
    asked = f"{wish.get('Type') or 'a mount'} {source}".strip()
    edited = source not in ("", request.source) or not is_of_the_wishes_type(request)
    if edited and request.listed_in == "oci-config":
        return f"{asked} is asked for, and config.json has {request}: another mount is there"
    return f"{request.listed_in} has {request}, but another mount is there"


def is_slave(mount: Mount) -> bool:
    """Whether what is mounted elsewhere comes to ``mount`` (proc_pid_mountinfo(5): master)."""
    return any(tag.startswith("master:") for tag in mount.propagation)
