"""Predictions: what must be at a path, as far as a rule fixes it; and the builder to which the
engines' modules add them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchlab.idmap import IdMap
from scratchlab.judge.compare import attributes
from scratchlab.judge.paths import parents, upwards
from scratchlab.judge.places import (
    KERNEL_TYPES,
    Content,
    Places,
    asked_devices,
    is_the_kernels,
    wishes,
)
from scratchlab.judge.rules.runtime import DEVICES, LINKS, SPEC_FILESYSTEMS, stub_modes
from scratchlab.judge.tools import asked_of_files
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Facts, Kind, Mount, Origin

_ENFORCED = frozenset({"ro", "nosuid", "noexec", "nodev"})  # options that mountinfo shows


@dataclass(frozen=True, slots=True)
class PredictedMount:
    """A mount: its type (None: any) and the options that mountinfo must show."""

    fstype: str | None = None
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One path that must be there. Fields that the rule leaves open are None."""

    path: str
    origin: Origin
    rule: str
    kind: Kind | None = None
    mode: tuple[int, ...] = ()  # any of these; (): any mode
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    target: str | None = None
    device: tuple[int, int] | None = None
    mount: PredictedMount | None = None
    has_entry: bool = True  # False: inside a kernel filesystem, which only mountinfo shows
    plain: bool = True  # without extended attributes: no engine, runtime or kernel sets any

    def contradictions(self, live: Entry, mount: Mount | None) -> list[str]:
        """One phrase for each field of ``live`` (on ``mount``) that is not as predicted."""
        phrases = []
        for name in ("kind", "uid", "gid", "size", "target", "device"):
            predicted, actual = getattr(self, name), getattr(live, name)
            if predicted is not None and predicted != actual:
                phrases.append(f"{name}: predicted {_shown(predicted)}, found {_shown(actual)}")
        if self.mode and live.mode not in self.mode:
            modes = " or ".join(f"{mode:04o}" for mode in self.mode)
            phrases.append(f"mode: predicted {modes}, found {live.mode:04o}")
        if self.plain and (names := [name for name, _ in attributes(live)]):
            phrases.append(f"attributes: predicted none, found {', '.join(names)}")
        return phrases + self.mount_contradictions(mount)

    def mount_contradictions(self, mount: Mount | None) -> list[str]:
        """The same for the mount alone."""
        if self.mount is None:
            return []
        if mount is None or mount.target != self.path:
            return ["predicted a mount point, found none"]
        phrases = []
        if self.mount.fstype not in (None, mount.fstype):
            phrases.append(f"predicted a mount of {self.mount.fstype}, found {mount.fstype}")
        missing = self.mount.options - {*mount.options, *mount.super_options}
        if missing:
            phrases.append(f"predicted mount option {', '.join(sorted(missing))}, but missing")
        return phrases


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Predictions:
    """All predictions for one root. ``below`` are those of mounts that the mount in ``by_path``
    hides, the lowest first. ``complete``: engine and runtime put nothing else there. ``problems``
    are sentences that say why nothing could be predicted.
    """

    by_path: Mapping[str, Prediction] = field(default_factory=dict)
    below: Mapping[str, tuple[Prediction, ...]] = field(default_factory=dict)
    complete: bool = False
    problems: tuple[str, ...] = ()


class PredictionBuilder:
    """Predictions by path, added rule by rule: what the engines have in common.

    Owners are root's in the container unless a caller names others; None leaves a field open.
    Mounts are added in the order in which the runtime makes them; :meth:`finish` comes last.
    """

    def __init__(self, facts: Facts, image: Ledger, ids: IdMap) -> None:
        self.facts = facts
        self.image = image
        self.ids = ids
        self.complete = True
        self.wishes = wishes(
            facts.container.inspect, facts.lent
        )  # the user's mounts, by target as given
        self._places = Places(facts, image)
        self._by_path: dict[str, Prediction] = {}
        self._below: dict[str, list[Prediction]] = {}
        self._on_root: set[str] = set()  # predicted for the root's own mount only
        self._needs_parents: list[str] = []

    @property
    def host_config(self) -> Mapping[str, Any]:
        """HostConfig of inspect: the flags of `docker run`."""
        return self.facts.container.inspect.get("HostConfig") or {}

    @property
    def config(self) -> Mapping[str, Any]:
        """Config of inspect: the image's configuration as the user changed it."""
        return self.facts.container.inspect.get("Config") or {}

    def finish(self) -> Predictions:
        """The predictions: with the mountpoints that the runtime makes, and without entries that a
        mount hides.
        """
        for path in self._needs_parents:
            self._add_mountpoint(path)
        visible = {
            path: prediction
            for path, prediction in self._by_path.items()
            if path not in self._on_root or self._places.covering(path) == "/"
        }
        below = {path: tuple(hidden) for path, hidden in self._below.items()}
        return Predictions(visible, below, complete=self.complete)

    def resolve(self, path: str) -> str:
        """Where ``path`` leads, with what was added so far."""
        return self._places.resolve(path)

    def add(self, path: str, origin: Origin, rule: str, **fields: Any) -> None:
        """Predict an entry at the very ``path``; ``fields`` are those of :class:`Prediction`."""
        fields.setdefault("uid", self.ids.uid(0))
        fields.setdefault("gid", self.ids.gid(0))
        old = self._by_path.get(path)
        prediction = Prediction(path, origin, rule, **fields)
        if old is not None and old.mount is not None and prediction.mount is not None:
            self._below.setdefault(path, []).append(old)
        self._by_path[path] = prediction

    def add_root(self, rule: str, **fields: Any) -> None:
        """Predict the root directory, which --read-only makes read-only."""
        options = frozenset({"ro"} if self.host_config.get("ReadonlyRootfs") else ())
        mount = PredictedMount(None, options)
        own = self.image.get("/")
        fields["plain"] = own is None or not attributes(own)
        self.add("/", Origin.STORAGE_DRIVER, rule, kind=Kind.DIRECTORY, mount=mount, **fields)

    def add_on_root(self, path: str, origin: Origin, rule: str, **fields: Any) -> None:
        """Predict an entry of the root's own mount: a mount over it hides it."""
        self.add(path, origin, rule, **fields)
        self._on_root.add(path)

    def add_mount(
        self, path: str, origin: Origin, rule: str, fstype: str | None, options: Iterable[str] = (),
        *, content: Content | None = None, **fields: Any,
    ) -> None:  # fmt: skip
        """Predict a mount (of any owner) where ``path`` leads, and the directories that the runtime
        makes for it.
        """
        fields.setdefault("uid", None)
        fields.setdefault("gid", None)
        # A bind shows what was there before.
        fields.setdefault("plain", fstype is not None and origin is not Origin.USER_MOUNT)
        if content is None:
            content = Content.NEW if fstype is not None else Content.ENGINES
            content = Content.KERNEL if fstype in KERNEL_TYPES else content
        target = self._places.add(path, content)
        fields.setdefault("has_entry", not self._places.is_hidden_in_kernel(target))
        if fields["has_entry"]:
            self._needs_parents.append(target)
        mount = PredictedMount(fstype, frozenset(options))
        self.add(target, origin, rule, mount=mount, **fields)
        self._on_root.discard(target)

    def add_place(self, path: str, content: Content) -> None:
        """A mount that is made and that no rule predicts further."""
        self._places.add(path, content)

    def add_filesystem(
        self, path: str, fstype: str, mode: int, options: Iterable[str], **fields: Any
    ) -> None:
        """Predict a filesystem that the runtime's configuration always lists. The kernel gives its
        root directory to root.
        """
        rule = "oci-filesystem" if path in SPEC_FILESYSTEMS else "engine-filesystem"
        self.add_mount(
            path, Origin.RUNTIME_FILESYSTEM, rule, fstype, options,
            kind=Kind.DIRECTORY, mode=(mode,), **{**self.kernels_owner(), **fields},
        )  # fmt: skip

    def add_dev(self) -> None:
        """Predict the runtime's own /dev."""
        # An image's own /dev passes its mode on (runc up to 1.1.7 libcontainer/rootfs_linux.go
        # mountToRootfs()).
        own = self.image.get("/dev")
        modes = (0o755,) if own is None else (0o755, own.mode)
        self.add_mount(
            "/dev", Origin.RUNTIME_FILESYSTEM, "engine-filesystem", "tmpfs", ("nosuid",),
            kind=Kind.DIRECTORY, mode=modes, **self.kernels_owner(),
        )  # fmt: skip

    def kernels_owner(self) -> dict[str, Any]:
        """The owner of what the kernel makes. In a user namespace it differs by filesystem: /proc
        belongs to nobody there, and /dev to the container's root.
        """
        if self.ids.mapped or self.facts.engine.rootless:
            return {}
        return {"uid": 0, "gid": 0}

    def add_user_mounts(self, targets: Iterable[str], rule: str) -> None:
        """Predict the user's mounts at ``targets``, some of :attr:`wishes`."""
        for target in targets:
            wish = self.wishes[target]
            options = {"ro"} if wish.get("RW") is False else set()
            fstype = "tmpfs" if wish.get("Type") == "tmpfs" else None
            content = Content.NEW if fstype else Content.USERS
            if is_the_kernels(str(wish.get("Source"))):
                content = Content.KERNEL
            self.add_mount(target, Origin.USER_MOUNT, rule, fstype, options, content=content)

    def add_working_directory(self, rule: str) -> None:
        """Predict the working directory, and those above it, where nothing provides them."""
        path = self._places.resolve(self.config.get("WorkingDir") or "/")
        for directory in (*parents(path), path):
            if directory != "/" and self._is_made(directory):
                self.add(
                    directory, Origin.ENGINE_CREATE, rule, kind=Kind.DIRECTORY, mode=(0o755,)
                )  # fmt: skip

    def add_devices(self) -> None:
        """Predict the runtime's nodes and links in a /dev of its own."""
        # --privileged copies the host's nodes, with their owners and modes, over the default ones:
        # containerd v1.6 to v2.1 oci/utils_unix.go getDevices(), podman v4.3 to v5.8
        # pkg/util/utils_linux.go AddPrivilegedDevices().
        copied = bool(self.host_config.get("Privileged"))
        for path, device in DEVICES.items():
            if path in self._places:
                continue  # a mount of the user's stands there
            if self.ids.mapped:  # bound from the host: the host's owners
                self.add_mount(
                    path, Origin.RUNTIME_DEVICE, "oci-device", None, kind=Kind.CHAR, device=device
                )
            else:
                owner = {"uid": None, "gid": None} if copied or path == "/dev/null" else {}
                self.add(
                    path, Origin.RUNTIME_DEVICE, "oci-device",
                    kind=Kind.CHAR, mode=() if copied else (0o666,), device=device, **owner,
                )  # fmt: skip
        crun = self.facts.runtime.name == "crun"
        for path, (target, rule) in LINKS.items():
            if path in self._places:
                continue  # the runtime keeps what is there (runc setupDevSymlinks(): EEXIST)
            if rule == "runtime-core" and not (crun or "/proc/kcore" in self.facts.host.existing):
                continue
            self.add(path, Origin.RUNTIME_DEVICE, rule, kind=Kind.SYMLINK, target=target)

    def add_configured_devices(self) -> None:
        """Predict the devices that --device asks for, wherever their paths lead."""
        for name, numbers in asked_devices(self.facts):
            if numbers is None:  # it may be a directory of nodes, which only the host shows
                self.complete = False
                continue
            self._add_device(name, numbers)

    def add_named_devices(self) -> None:
        """Predict the mounts and nodes that CDI files add for devices that are asked for by name.
        In a user namespace nodes are left to the evidence: podman binds them.
        """
        edits, whole = asked_of_files(self.facts)
        # What a plugin adds (--gpus) is not known.
        self.complete = self.complete and whole
        for edit in edits:
            if edit.source and edit.target not in self.wishes:
                options = _ENFORCED.intersection(edit.options)
                self.add_mount(edit.target, Origin.HOOK_OR_TOOL, "cdi-edits", None, options)
            elif not edit.source and not self.ids.mapped:
                self._add_device(edit.target, edit.number)

    def _add_device(self, name: str, number: tuple[int, int] | None) -> None:
        path = self._places.resolve(name)
        self._needs_parents.append(path)
        self.add(
            path, Origin.RUNTIME_DEVICE, "configured-device", uid=None, gid=None, device=number
        )

    def add_terminal(self) -> None:
        """Predict the console and its pseudo-terminal, where -t asks for them."""
        if self.config.get("Tty"):
            self.add("/dev/console", Origin.RUNTIME_DEVICE, "oci-console", uid=None, gid=None)
            self.add("/dev/pts/0", Origin.KERNEL, "devpts-node", kind=Kind.CHAR, uid=None, gid=None)

    def add_masks(self, masked: Iterable[str], readonly: Iterable[str]) -> None:
        """Predict masks and read-only paths, for those paths that this kernel has."""
        for paths, rule in ((masked, "masked-path"), (readonly, "readonly-path")):
            for path in paths:
                if path in self.facts.host.existing:
                    self.add_mount(path, Origin.RUNTIME_MASK, rule, None, has_entry=False)

    def _add_mountpoint(self, path: str) -> None:
        """Predict the directories above a mount or device that nothing else provides."""
        modes = stub_modes(self.facts.runtime.name)
        for directory in parents(path):
            if self._is_made(directory):
                self.add(
                    directory, Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint",
                    kind=Kind.DIRECTORY, mode=modes,
                )  # fmt: skip

    def _is_made(self, path: str) -> bool:
        """Whether a directory that is needed at ``path`` has to be made. What lies on a mount of
        somebody else's is not known.
        """
        if path in self._by_path and (path not in self._on_root or self._visible(path)):
            return False
        content = self._places.content(self._places.covering(path))
        if content is None:
            entry = self.image.get(path)
            return entry is None or entry.kind is not Kind.DIRECTORY
        return content is Content.NEW

    def _visible(self, path: str) -> bool:
        return not any(above in self._places for above in upwards(path))
