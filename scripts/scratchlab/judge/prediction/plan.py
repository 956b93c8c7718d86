"""The expected ledger: what must be there, as far as a rule fixes it."""

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
class ExpectedMount:
    """A mount at a path: its type and options that mountinfo must show, None where free."""

    fstype: str | None = None
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One path that must be there. Fields that the rule leaves open are None."""

    path: str
    origin: Origin
    rule: str
    kind: Kind | None = None
    mode: tuple[int, ...] = ()  # any of these; () is free
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    target: str | None = None
    device: tuple[int, int] | None = None
    mount: ExpectedMount | None = None
    walked: bool = True  # False: below a kernel filesystem, to be seen in mountinfo only

    def contradictions(self, live: Entry, mount: Mount | None) -> list[str]:
        """In words, how ``live`` (on ``mount``) is not what was predicted."""
        found = []
        for name in ("kind", "uid", "gid", "size", "target", "device"):
            wanted, seen = getattr(self, name), getattr(live, name)
            if wanted is not None and wanted != seen:
                found.append(f"{name} should be {_shown(wanted)} and is {_shown(seen)}")
        if self.mode and live.mode not in self.mode:
            wanted = " or ".join(f"{mode:04o}" for mode in self.mode)
            found.append(f"mode should be {wanted} and is {live.mode:04o}")
        return found + self.mount_contradictions(mount)

    def mount_contradictions(self, mount: Mount | None) -> list[str]:
        """The same for the mount alone."""
        if self.mount is None:
            return []
        if mount is None or mount.target != self.path:
            return ["should be a mount point and is none"]
        found = []
        if self.mount.fstype not in (None, mount.fstype):
            found.append(f"should be a mount of {self.mount.fstype} and is {mount.fstype}")
        lacking = self.mount.options - {*mount.options, *mount.super_options}
        if lacking:
            found.append(f"lacks the mount option {', '.join(sorted(lacking))}")
        return found


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Expected:
    """What was predicted. ``complete``: anything else that engine or runtime put there is a
    surprise. ``problems`` say where no prediction could be made.
    """

    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    complete: bool = False
    problems: tuple[str, ...] = ()


# A draft of the expected ledger, and what the plans of all engines have in common.


class Plan:
    """Predictions by path, added rule by rule."""

    def __init__(self, facts: Facts, image: Ledger, ids: IdMap) -> None:
        self.facts = facts
        self.image = image
        self.ids = ids
        self.predictions: dict[str, Prediction] = {}
        self.complete = True
        self.problems: list[str] = []

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
        """The user's mounts by the place where the image's links lead them."""
        return user_mounts(self.facts.container.inspect, self.image)

    def add(self, path: str, origin: Origin, rule: str, **fields: Any) -> None:
        """Predict ``path``; root inside owns it unless said otherwise."""
        fields.setdefault("uid", self.ids.uid(0))
        fields.setdefault("gid", self.ids.gid(0))
        self.predictions[path] = Prediction(path, origin, rule, **fields)

    def mount(
        self, path: str, origin: Origin, rule: str, fstype: str | None, options: Iterable[str] = (),
        **fields: Any,
    ) -> None:  # fmt: skip
        """Predict a mount at ``path`` and the directories that the runtime must make for it."""
        fields.setdefault("uid", None)
        fields.setdefault("gid", None)
        if fields.get("walked", True):
            self.mountpoint(path)
        self.add(path, origin, rule, mount=ExpectedMount(fstype, frozenset(options)), **fields)

    def mountpoint(self, path: str) -> None:
        """Predict the parents of a mount that neither image nor another rule provides."""
        modes = stub_modes(self.facts.runtime.name)
        for directory in parents(path):
            if self._is_directory(directory) or self._on_mount(directory):
                continue
            self.add(
                directory, Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint",
                kind=Kind.DIRECTORY, mode=modes,
            )  # fmt: skip

    def _is_directory(self, path: str) -> bool:
        entry = self.image.get(path)
        return path in self.predictions or (entry is not None and entry.kind is Kind.DIRECTORY)

    def _on_mount(self, path: str) -> bool:
        return any(
            one.mount is not None and is_below(path, one.path) for one in self.predictions.values()
        )

    def made(self, path: str, origin: Origin, rule: str) -> None:
        """Predict directories that the engine makes where the image lacks them (WORKDIR)."""
        for directory in (*parents(path), path):
            if (
                directory != "/"
                and not self._is_directory(directory)
                and not self._on_mount(directory)
            ):
                self.add(directory, origin, rule, kind=Kind.DIRECTORY, mode=(0o755,))

    def devices(self) -> None:
        """The runtime's own nodes and links in a /dev of its own."""
        # --privileged copies the host's nodes, with their owners and modes, over the default ones:
        # containerd v1.6 to v2.1 oci/utils_unix.go getDevices(), podman v4.3 to v5.8
        # pkg/util/utils_linux.go AddPrivilegedDevices().
        copied = bool(self.host_config.get("Privileged"))
        for path, device in DEVICES.items():
            if self.ids.mapped:  # bound from the host: the host's owners
                self.mount(
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

    def terminal(self) -> None:
        """What -t adds."""
        if self.config.get("Tty"):
            self.add(
                "/dev/console", Origin.RUNTIME_DEVICE, "oci-console", uid=None, gid=None,
            )  # fmt: skip
            self.add("/dev/pts/0", Origin.KERNEL, "devpts-node", kind=Kind.CHAR, uid=None, gid=None)

    def filesystem(
        self, path: str, fstype: str, mode: int, options: Iterable[str], **fields: Any
    ) -> None:
        """A mount of the runtime's default list, with the rule that asks for it."""
        rule = "oci-filesystem" if path in SPEC_FILESYSTEMS else "engine-filesystem"
        self.mount(
            path, Origin.RUNTIME_FILESYSTEM, rule, fstype, options,
            kind=Kind.DIRECTORY, mode=(mode,), **fields,
        )  # fmt: skip

    def masks(self, masked: Iterable[str], readonly: Iterable[str]) -> None:
        """Masked and read-only paths, those that this kernel has."""
        for paths, rule in ((masked, "masked-path"), (readonly, "readonly-path")):
            for path in paths:
                if path in self.facts.host.existing:
                    self.mount(path, Origin.RUNTIME_MASK, rule, None, walked=False)

    def resolve(self, path: str) -> str:
        """``path`` with the image's symlinks followed: where a mount lands."""
        return resolve(self.image, path)
