"""A draft of the expected ledger, and what the plans of all engines have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scratchlab.judge.expected import ExpectedMount, Prediction
from scratchlab.judge.ids import Ids
from scratchlab.judge.paths import is_below, parents, resolve
from scratchlab.judge.rules.runtime import DEVICES, LINKS, SPEC_FILESYSTEMS, stub_modes
from scratchlab.judge.told import user_mounts
from scratchlab.ledger import Ledger
from scratchlab.model import Facts, Kind, Origin


class Plan:
    """Predictions by path, added rule by rule."""

    def __init__(self, facts: Facts, image: Ledger, ids: Ids) -> None:
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
        """Predict a mount at ``path`` and the folders that the runtime must make for it."""
        fields.setdefault("uid", None)
        fields.setdefault("gid", None)
        if fields.get("walked", True):
            self.mountpoint(path)
        self.add(path, origin, rule, mount=ExpectedMount(fstype, frozenset(options)), **fields)

    def mountpoint(self, path: str) -> None:
        """Predict the parents of a mount that neither image nor another rule provides."""
        modes = stub_modes(self.facts.runtime.name)
        for folder in parents(path):
            if self._is_folder(folder) or self._on_mount(folder):
                continue
            self.add(
                folder, Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint",
                kind=Kind.DIRECTORY, mode=modes,
            )  # fmt: skip

    def _is_folder(self, path: str) -> bool:
        entry = self.image.get(path)
        return path in self.predictions or (entry is not None and entry.kind is Kind.DIRECTORY)

    def _on_mount(self, path: str) -> bool:
        return any(
            one.mount is not None and is_below(path, one.path) for one in self.predictions.values()
        )

    def made(self, path: str, origin: Origin, rule: str) -> None:
        """Predict folders that the engine makes where the image lacks them (WORKDIR)."""
        for folder in (*parents(path), path):
            if folder != "/" and not self._is_folder(folder) and not self._on_mount(folder):
                self.add(folder, origin, rule, kind=Kind.DIRECTORY, mode=(0o755,))

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
