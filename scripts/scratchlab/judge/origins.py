"""Who put an entry there, by evidence alone: which mount it lies on, which layer holds it.

On the root's own mount an entry comes from the image, from the engine's init layer or from the
writable layer; the latter holds what the engine and the runtime made, each to be known by a fact
of its own, and what was written since. Nothing is taken for granted by its name alone.
"""

from __future__ import annotations

from typing import Any

from scratchlab.evidence import EvidenceSet
from scratchlab.judge.cause import Cause, mount_line
from scratchlab.judge.compare import Pair
from scratchlab.judge.elimination import evidence as by_elimination
from scratchlab.judge.mounts import MountOrigins
from scratchlab.judge.paths import parents, resolve
from scratchlab.judge.rules.docker import INIT_RULES
from scratchlab.judge.rules.runtime import DEVICES, LINKS
from scratchlab.model import Entry, Evidence, Kind, Mount, Origin, Status

_ALIKE = ("kind", "mode", "uid", "gid", "size", "sha256", "target", "device")
_UNIX98 = range(136, 144)  # majors of pseudo-terminals: Linux admin-guide/devices.txt


class EntryOrigins:
    """Origins of the entries of one live root."""

    def __init__(self, seen: EvidenceSet, mounts: MountOrigins) -> None:
        self._seen = seen
        self._mounts = mounts
        facts = seen.facts
        self._engine = facts.engine.name
        self._needed = mounts.needed
        config = facts.container.inspect.get("Config") or {}
        workdir = config.get("WorkingDir")
        made = resolve(seen.image, workdir) if workdir else "/"
        self._workdir = frozenset((*parents(made), made)) - {"/"}
        self._user = str(config.get("User") or "")
        linux = (facts.container.oci_config or {}).get("linux") or {}
        self._devices: dict[str, dict[str, Any]] = {
            str(one.get("path")): one for one in linux.get("devices") or []
        }

    def of(self, pair: Pair) -> tuple[Cause, Status]:
        """Cause and status of a path that the live root has."""
        live = pair.live
        assert live is not None  # noqa: S101 - for the type checker
        if not self._mounts.is_root(live.mount):
            mount = self._mounts.get(live.mount)
            if mount is None:
                detail = f"on mount {live.mount}, which mountinfo does not list"
                return Cause(Origin.UNEXPLAINED, None, (Evidence("stat", detail),)), (
                    Status.ONLY_LIVE
                )
            return self._on_mount(live, mount), Status.ONLY_LIVE
        if live.path == "/":
            mount = self._mounts.get(live.mount)
            if mount is None:
                return Cause(Origin.UNEXPLAINED, None, ()), Status.ONLY_LIVE
            return self._mounts[mount], Status.ONLY_LIVE if pair.image is None else pair.status
        if pair.status is Status.SAME and pair.image is not None:
            return self._image(pair.image), Status.SAME
        return self._on_root(pair, live)

    def _image(self, entry: Entry) -> Cause:
        if entry.layer is None:
            evidence = Evidence("image-layer", "a directory above an entry of the image")
        else:
            evidence = Evidence("image-layer", f"layer {entry.layer} of the image has it")
        return Cause(Origin.IMAGE_LAYER, None, (evidence,))

    def _on_root(self, pair: Pair, live: Entry) -> tuple[Cause, Status]:
        writable = self._seen.writable
        on_top = writable.get(live.path) if writable is not None else None
        init = self._seen.init
        below = init.get(live.path) if init is not None else None
        # Copied up as it was (docker cp does so to /etc from v23 on) it is still the init layer's.
        kept = below is not None and on_top is not None and _alike(below, on_top)
        if on_top is not None and on_top.kind is live.kind and not kept:
            new = pair.image is None and below is None
            cause = self._made(live, on_top) if new else None
            cause = cause or self._written(live)
            # Of another type: the image's entry is gone, and this is another one.
            other = "kind" in pair.differences
            return cause, Status.ONLY_LIVE if other else pair.status
        if below is not None and below.kind is live.kind:
            replaced = pair.image is not None
            return self._init(below), Status.ONLY_LIVE if replaced else pair.status
        where = "neither the image nor the init layer nor the writable layer"
        if writable is None:
            where = "not the image; what other layers hold is not known"
        if pair.image is not None:
            where = "the image has it otherwise, and no layer above does"
        return Cause(Origin.UNEXPLAINED, None, (Evidence("stat", where),)), pair.status

    def _init(self, entry: Entry) -> Cause:
        directory = self._seen.facts.layers.init
        evidence = (
            by_elimination(self._seen, entry.path, writable=False)
            if directory is None
            else Evidence("init-layer", f"{directory}{entry.path}")
        )
        rule = INIT_RULES.get(entry.path)
        return Cause(Origin.ENGINE_INIT_LAYER, rule, (evidence,))

    def _made(self, live: Entry, on_top: Entry) -> Cause | None:
        """What the engine or the runtime made in the writable layer, not the process."""
        layer = self._layer(on_top)
        path = live.path
        directory = live.kind is Kind.DIRECTORY
        if path in self._workdir and directory:
            evidence = Evidence("inspect", "it is the working directory, or above it")
            return Cause(Origin.ENGINE_CREATE, f"{self._engine}-workdir", (evidence, layer))
        if self._engine == "podman" and (found := self._podman(live)):
            rule, evidence = found
            return Cause(Origin.ENGINE_CREATE, rule, (evidence, layer))
        if path in self._needed and directory:
            return Cause(Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint", (self._for(path), layer))
        return None

    def _for(self, path: str) -> Evidence:
        asked = self._mounts.asked(path)
        if asked is not None:
            return Evidence(asked.kind, f"{asked} needs it")
        targets = [m.target for m in self._seen.facts.mounts if m.target.startswith(f"{path}/")]
        return Evidence("mountinfo", f"{', '.join(targets) or 'a mount'} needs it")

    def _podman(self, live: Entry) -> tuple[str, Evidence] | None:
        if live.path == "/etc" and live.kind is Kind.DIRECTORY:
            return "podman-etc", Evidence("stat", "the image has no /etc")
        if live.path == "/etc/mtab" and live.target == "/proc/mounts":
            return "podman-etc", Evidence("stat", "the image has no /etc/mtab")
        if live.path in ("/etc/passwd", "/etc/group") and self._user:
            return "podman-user-files", Evidence("inspect", f"its user is {self._user}")
        return None

    def _written(self, live: Entry) -> Cause:
        return Cause(Origin.PROCESS_WRITE, None, (self._layer(live),))

    def _layer(self, entry: Entry) -> Evidence:
        directory = self._seen.facts.layers.upper
        if directory is None:
            return by_elimination(self._seen, entry.path, writable=True)
        return Evidence("writable-layer", f"{directory}{entry.path}")

    def _on_mount(self, live: Entry, mount: Mount) -> Cause:
        cause = self._mounts[mount]
        if live.path == mount.target:
            return cause
        if mount.fstype == "devpts":
            major, minor = live.device or (0, 0)
            terminal = live.kind is Kind.CHAR and (major in _UNIX98 or (major, minor) == (5, 2))
            if terminal:
                detail = f"devpts node {major}:{minor}"
                return Cause(
                    Origin.KERNEL, "devpts-node", (Evidence("stat", detail), mount_line(mount))
                )
        if cause.origin is not Origin.RUNTIME_FILESYSTEM:
            return cause  # all that lies on a mount of the user's or the engine's came with it
        return self._in_fresh(live, mount)

    def _in_fresh(self, live: Entry, mount: Mount) -> Cause:
        """In a filesystem that was empty when the runtime mounted it."""
        line = mount_line(mount)
        if live.path in self._needed and live.kind is Kind.DIRECTORY:
            needed = self._for(live.path)
            return Cause(Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint", (needed, line))
        if mount.target == "/dev" and (found := self._device(live)):
            rule, evidence = found
            return Cause(Origin.RUNTIME_DEVICE, rule, (evidence, line))
        detail = f"{mount.target} was empty when it was mounted, and no runtime makes this"
        return Cause(Origin.PROCESS_WRITE, None, (Evidence("stat", detail), line))

    def _device(self, live: Entry) -> tuple[str, Evidence] | None:
        path, device = live.path, live.device
        if device is not None:
            number = f"{device[0]}:{device[1]}"
            if DEVICES.get(path) == device and live.kind is Kind.CHAR:
                return "oci-device", Evidence(
                    "stat", f"it is {number}, as the specification has it"
                )
            told = self._devices.get(path)
            if told is not None and (told.get("major"), told.get("minor")) == device:
                detail = f"device {path} {number} is configured"
                return "configured-device", Evidence("oci-config", detail)
        if live.kind is Kind.SYMLINK:
            target, rule = LINKS.get(path, (None, ""))
            if target is not None and live.target == target:
                return rule, Evidence("stat", f"it links to {target}, as runtimes make it")
            if path == "/dev/console" and str(live.target).startswith("/dev/pts/"):
                # crun 1.22 and later link the console to its terminal (crun#1796).
                return "oci-console", Evidence("stat", f"the terminal {live.target}")
        return None


def _alike(below: Entry, above: Entry) -> bool:
    return all(getattr(below, name) == getattr(above, name) for name in _ALIKE)
