"""Predictions: what must be at a path, as far as a rule fixes it; and the builder to which the
engines' modules add them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchlab.idmap import IdMap
from scratchlab.judge.paths import is_below, parents, resolve
from scratchlab.judge.requested_mounts import user_mounts
from scratchlab.judge.rules.runtime import DEVICES, LINKS, SPEC_FILESYSTEMS, stub_modes
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Facts, Kind, Mount, Origin


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
    """All predictions for one root. ``complete``: engine and runtime put nothing else there.
    ``problems`` are sentences that say why nothing could be predicted.
    """

    by_path: Mapping[str, Prediction] = field(default_factory=dict)
    complete: bool = False
    problems: tuple[str, ...] = ()


class PredictionBuilder:
    """Predictions by path, added rule by rule: what the engines have in common.

    Owners are root's in the container unless a caller names others; None leaves a field open.
    """

    def __init__(self, facts: Facts, image: Ledger, ids: IdMap) -> None:
        self.facts = facts
        self.image = image
        self.ids = ids
        self.by_path: dict[str, Prediction] = {}
        self.complete = True

    @property
    def host_config(self) -> Mapping[str, Any]:
        """HostConfig of inspect: the flags of `docker run`."""
        return self.facts.container.inspect.get("HostConfig") or {}

    @property
    def config(self) -> Mapping[str, Any]:
        """Config of inspect: the image's configuration as the user changed it."""
        return self.facts.container.inspect.get("Config") or {}

    @property
    def user_mounts(self) -> dict[str, Mapping[str, Any]]:
        """The user's mounts by the path where the image's links lead them."""
        return user_mounts(self.facts.container.inspect, self.image)

    def resolve(self, path: str) -> str:
        """``path`` with the image's symlinks followed: where a mount lands."""
        return resolve(self.image, path)

    def add(self, path: str, origin: Origin, rule: str, **fields: Any) -> None:
        """Predict an entry; ``fields`` are those of :class:`Prediction`."""
        fields.setdefault("uid", self.ids.uid(0))
        fields.setdefault("gid", self.ids.gid(0))
        self.by_path[path] = Prediction(path, origin, rule, **fields)

    def add_mount(
        self, path: str, origin: Origin, rule: str, fstype: str | None, options: Iterable[str] = (),
        **fields: Any,
    ) -> None:  # fmt: skip
        """Predict a mount (of any owner) and the directories that the runtime makes for it."""
        fields.setdefault("uid", None)
        fields.setdefault("gid", None)
        if fields.get("has_entry", True):
            self._add_mountpoint(path)
        self.add(path, origin, rule, mount=PredictedMount(fstype, frozenset(options)), **fields)

    def add_filesystem(
        self, path: str, fstype: str, mode: int, options: Iterable[str], **fields: Any
    ) -> None:
        """Predict a filesystem that the runtime's configuration always lists."""
        rule = "oci-filesystem" if path in SPEC_FILESYSTEMS else "engine-filesystem"
        self.add_mount(
            path, Origin.RUNTIME_FILESYSTEM, rule, fstype, options,
            kind=Kind.DIRECTORY, mode=(mode,), **fields,
        )  # fmt: skip

    def add_directories(self, path: str, origin: Origin, rule: str) -> None:
        """Predict ``path`` and the directories above it where the image lacks them."""
        for directory in (*parents(path), path):
            if directory != "/" and not self._provided(directory):
                self.add(directory, origin, rule, kind=Kind.DIRECTORY, mode=(0o755,))

    def add_devices(self) -> None:
        """Predict the runtime's nodes and links in a /dev of its own."""
        # --privileged copies the host's nodes, with their owners and modes, over the default ones:
        # containerd v1.6 to v2.1 oci/utils_unix.go getDevices(), podman v4.3 to v5.8
        # pkg/util/utils_linux.go AddPrivilegedDevices().
        copied = bool(self.host_config.get("Privileged"))
        for path, device in DEVICES.items():
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
            if rule == "runtime-core" and not (crun or "/proc/kcore" in self.facts.host.existing):
                continue
            self.add(path, Origin.RUNTIME_DEVICE, rule, kind=Kind.SYMLINK, target=target)

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
        """Predict the parents of a mount that neither image nor another rule provides."""
        modes = stub_modes(self.facts.runtime.name)
        for directory in parents(path):
            if not self._provided(directory):
                self.add(
                    directory, Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint",
                    kind=Kind.DIRECTORY, mode=modes,
                )  # fmt: skip

    def _provided(self, path: str) -> bool:
        """Whether the image has the directory, a rule makes it, or it lies on a mount."""
        entry = self.image.get(path)
        if path in self.by_path or (entry is not None and entry.kind is Kind.DIRECTORY):
            return True
        return any(
            prediction.mount is not None and is_below(path, prediction.path)
            for prediction in self.by_path.values()
        )
