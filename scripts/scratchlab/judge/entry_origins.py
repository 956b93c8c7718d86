"""Who put an entry there, by evidence alone: which mount it lies on, which layer holds it.

An entry on the root's own mount comes from the image, from the engine's init layer or from the
writable layer. The writable layer holds what the engine and the runtime made, each proved by a
fact of its own, and whatever was written since. On another mount, place and maker are two things:
an entry never takes the cause of its mount. What lies on a mount of the user's is the user's data;
in a filesystem that was empty when it was mounted, all that nobody is known to make was written
since. No name alone is a proof.
"""

from __future__ import annotations

from functools import lru_cache

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import elimination, unpacking
from scratchlab.judge.accounts import PodmanAccounts
from scratchlab.judge.cause import Cause, mount_line
from scratchlab.judge.compare import Pair
from scratchlab.judge.engine_files import written
from scratchlab.judge.hard_links import HardLinks
from scratchlab.judge.mount_origins import MADE_LATER, SHARED_MEMORY, MountOrigins
from scratchlab.judge.opaque import is_opaque, without_marks
from scratchlab.judge.paths import parents, upwards
from scratchlab.judge.places import Content
from scratchlab.judge.rules.docker import INIT_RULES
from scratchlab.judge.rules.runtime import DEVICES, LINKS
from scratchlab.judge.times import changed_since, start_of
from scratchlab.judge.tmpfs_roots import changed_root, modes_below
from scratchlab.ledger import FewPaths
from scratchlab.model import Entry, Evidence, Kind, Mount, Origin, Status

_COPIED_UP = ("kind", "mode", "uid", "gid", "size", "sha256", "target", "device")
_UNIX98 = range(136, 144)  # majors of pseudo-terminals: Linux admin-guide/devices.txt


class EntryOrigins:
    """Finds the origins of the entries of one live root."""

    def __init__(self, evidence: EvidenceSet, mounts: MountOrigins) -> None:
        self._evidence = evidence
        self._mounts = mounts
        facts = evidence.facts
        self._engine = facts.engine.name
        self._start = start_of(facts)
        self._mountpoints = mounts.mountpoints
        config = facts.container.inspect.get("Config") or {}
        workdir = mounts.resolve(config.get("WorkingDir") or "/")
        self._workdir = frozenset((*parents(workdir), workdir)) - {"/"}
        self._accounts = PodmanAccounts(facts, evidence.image)
        self._files = {mounts.resolve(file.target): file for file in facts.engine_files}
        self._hard_links = HardLinks(evidence)
        self._writable = FewPaths(evidence.writable)
        self._init = FewPaths(evidence.init)

    def of(self, pair: Pair) -> tuple[Cause, Status]:
        """Cause and status of a path that the live root has."""
        live = pair.live
        assert live is not None  # noqa: S101 - for the type checker
        mount = self._mounts.get(live.mount)
        if not self._mounts.is_root(live.mount):
            if mount is None:
                detail = f"on mount {live.mount}, which mountinfo does not list"
                unlisted = Evidence("stat", detail)
                return Cause(Origin.UNEXPLAINED, None, (unlisted,)), Status.ONLY_LIVE
            return self._on_mount(pair, live, mount), Status.ONLY_LIVE
        if live.path == "/":
            if mount is None:
                return Cause(Origin.UNEXPLAINED, None, ()), Status.ONLY_LIVE
            return self._mounts[mount], Status.ONLY_LIVE if pair.image is None else pair.status
        if pair.status is Status.SAME and pair.image is not None:
            later = self._made_again(live) or self._made_alike(live)
            return later or _of_layer(pair.image.layer), Status.SAME
        return self._on_root(pair, live)

    def _made_again(self, live: Entry) -> Cause | None:
        """A directory that was removed and made again: it is as in the image, and hides what the
        image has below it (Linux Documentation/filesystems/overlayfs.rst, opaque directories).
        """
        born = self._evidence.facts.made_again.get(live.path)
        if since := changed_since(born, self._start):
            return Cause(Origin.WRITTEN_LATER, None, (Evidence("stat", f"it {since}"),))
        if live.kind is not Kind.DIRECTORY or live.path == "/":
            return None
        made = self._writable.get(live.path)
        if made is None or not is_opaque(made):
            return None
        return Cause(Origin.WRITTEN_LATER, None, (self._in_writable(made),))

    def _made_alike(self, live: Entry) -> Cause | None:
        """What the engine's init layer had replaced, and was then written as it is in the image."""
        in_writable, in_init = self._writable.get(live.path), self._init.get(live.path)
        if in_writable is None or in_init is None or _same(in_init, in_writable):
            return None
        return Cause(Origin.WRITTEN_LATER, None, (self._in_writable(live),))

    # On the root's own mount, different from the image:

    def _on_root(self, pair: Pair, live: Entry) -> tuple[Cause, Status]:
        in_writable, in_init = self._writable.get(live.path), self._init.get(live.path)
        # docker cp, from v23 on, copies /etc up: unchanged, it still counts as the init layer's.
        copied_up = in_init is not None and in_writable is not None and _same(in_init, in_writable)
        if in_writable is not None and in_writable.kind is live.kind and not copied_up:
            new = pair.image is None and in_init is None
            cause = self._made(live, in_writable) if new else None
            layer = self._in_writable(live)
            cause = cause or self._accounts.cause(pair, layer)
            cause = cause or Cause(Origin.WRITTEN_LATER, None, (layer,))
            # With another type it is not the image's entry altered, but a new one.
            replaced = "kind" in pair.differences
            return cause, Status.ONLY_LIVE if replaced else pair.status
        if in_init is not None and in_init.kind is live.kind:
            replaced = pair.image is not None
            return self._of_init(in_init), Status.ONLY_LIVE if replaced else pair.status
        unpacked = self._as_unpacked(pair, live)
        if unpacked is not None:
            return unpacked, pair.status
        where = "neither the image nor the init layer nor the writable layer has it"
        if self._evidence.writable is None:
            where = "the image does not have it, and what other layers hold is not known"
        if pair.image is not None:
            where = "it differs from the image, and no layer above has it"
        return Cause(Origin.UNEXPLAINED, None, (Evidence("stat", where),)), pair.status

    def _of_init(self, entry: Entry) -> Cause:
        directory = self._evidence.facts.layers.init
        proof = (
            elimination.proof(self._evidence, entry.path, writable=False)
            if directory is None
            else Evidence("init-layer", f"{directory}{entry.path}")
        )
        return Cause(Origin.ENGINE_INIT_LAYER, INIT_RULES.get(entry.path), (proof,))

    def _made(self, live: Entry, in_writable: Entry) -> Cause | None:
        """The cause of an entry of the writable layer that the engine or the runtime made."""
        layer = self._in_writable(in_writable)
        path = live.path
        directory = live.kind is Kind.DIRECTORY
        if path in self._workdir and directory:
            return self._working_directory(layer)
        if self._engine == "podman" and (made := self._made_by_podman(live)):
            rule, proof = made
            return Cause(Origin.ENGINE_CREATE, rule, (proof, layer))
        if path in self._mountpoints and directory:
            proof = self._needed_for(path)
            return Cause(Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint", (proof, layer))
        return self._device(live, layer)

    def _working_directory(self, place: Evidence) -> Cause:
        proof = Evidence("inspect", "it is the working directory, or above it")
        return Cause(Origin.ENGINE_CREATE, f"{self._engine}-workdir", (proof, place))

    def _as_unpacked(self, pair: Pair, live: Entry) -> Cause | None:
        """The cause of an entry of an image layer that no layer above has, although it differs
        from the image archive: what copy-up and unpacking do to it.
        """
        image, writable = pair.image, self._evidence.writable
        if image is None or writable is None or live.note is not None:
            return None
        differences = set(pair.differences)
        if differences == {"links"}:
            proof = self._hard_links.parted(live)
            if proof is not None:
                return Cause(Origin.IMAGE_LAYER, "overlay-hard-links", (proof,))
        if differences and differences <= {"mtime", "xattrs"}:
            sentences = unpacking.dropped_or_bounded(image, live, differences)
            if sentences:
                proofs = tuple(Evidence("image-layer", sentence) for sentence in sentences)
                return Cause(Origin.IMAGE_LAYER, "engine-unpack-limits", proofs)
        return None

    def _made_by_podman(self, live: Entry) -> tuple[str, Evidence] | None:
        etc = self._mounts.resolve("/etc")
        if live.path == etc and live.kind is Kind.DIRECTORY:
            return "podman-etc", Evidence("stat", "the image has no /etc")
        if live.path == f"{etc}/mtab" and live.target == "/proc/mounts":
            return "podman-etc", Evidence("stat", "the image has no /etc/mtab")
        return None

    def _needed_for(self, path: str) -> Evidence:
        """Which mount the mountpoint ``path`` was made for."""
        requested = self._mounts.requested(path)
        if requested is not None:
            return Evidence(requested.listed_in, f"{requested} needs it")
        mounts = self._evidence.facts.mounts
        targets = [mount.target for mount in mounts if mount.target.startswith(f"{path}/")]
        return Evidence("mountinfo", f"{', '.join(targets) or 'a mount'} needs it")

    def _in_writable(self, entry: Entry) -> Evidence:
        directory = self._evidence.facts.layers.upper
        if directory is None:
            return elimination.proof(self._evidence, entry.path, writable=True)
        return Evidence("writable-layer", f"{directory}{entry.path}")

    # On another mount:

    def _on_mount(self, pair: Pair, live: Entry, mount: Mount) -> Cause:
        cause = self._mounts[mount]
        if live.path == mount.target:
            if (changed := self._changed_root(live, mount)) is not None:
                proofs = (changed, *cause.evidence)
                return Cause(Origin.WRITTEN_LATER, None, proofs, cause.doubt, cause.origin)
            return self._engine_file(live, cause) if cause.origin is Origin.ENGINE_MOUNT else cause
        if cause.origin is Origin.UNEXPLAINED:
            return cause
        line = mount_line(mount)
        content = self._mounts.content(mount)
        if mount.fstype == "devpts" and content is not Content.USERS:
            major, minor = live.device or (0, 0)
            if live.kind is Kind.CHAR and (major in _UNIX98 or (major, minor) == (5, 2)):
                node = Evidence("stat", f"devpts node {major}:{minor}")
                return Cause(Origin.KERNEL, "devpts-node", (node, line))
        if content is Content.USERS:
            configured = self._configured_device(live, line)
            return configured or self._on_users_mount(pair, mount, line)
        if content is Content.NEW:
            return self._in_new_filesystem(pair, live, mount, line)
        return cause  # what lies on a bind of the engine's, or on one made inside, came with it

    def _changed_root(self, live: Entry, mount: Mount) -> Evidence | None:
        """The evidence that somebody changed mode or owner of a new tmpfs since it was mounted."""
        made = self._mounts[mount].origin not in (*MADE_LATER, Origin.UNEXPLAINED)
        new = mount.fstype == "tmpfs" and self._mounts.content(mount) is Content.NEW
        if not made or not new or live.kind is not Kind.DIRECTORY:
            return None
        below: set[int] | None = None
        under = self._mounts.get(mount.parent)
        if self._mounts.is_root(mount.parent):
            below = modes_below(live.path, self._evidence)
        elif under is not None and self._mounts.content(under) is Content.NEW:
            over = self._mounts.request(under)
            below = None if over is not None and "tmpcopyup" in over.options else set()
        engines = self._mounts[mount].rule in SHARED_MEMORY
        return changed_root(live, mount, self._evidence.facts, below, engines=engines)

    def _engine_file(self, live: Entry, cause: Cause) -> Cause:
        """The engine's file on the engine's mount, or what was written to it later."""
        file = self._files.get(live.path)
        if file is None:
            return cause
        found = written(file, self._evidence.facts)
        if found is None:
            return cause
        if found.later:
            proofs = (Evidence("host", f"{file.source}: {found.later}"), *cause.evidence)
            return Cause(Origin.WRITTEN_LATER, None, proofs, cause.doubt, Origin.ENGINE_MOUNT)
        proof = Evidence("host", f"{file.source} {found.proof}")
        return Cause(cause.origin, cause.rule, (*cause.evidence, proof), cause.doubt)

    def _on_users_mount(self, pair: Pair, mount: Mount, line: Evidence) -> Cause:
        """User data; or what the engine copied there from the image, as long as it is equal."""
        request = self._mounts.request(mount)
        wish = (request.wish or {}) if request is not None else {}
        if wish.get("Type") != "volume" or pair.image is None:
            return Cause(Origin.USER_DATA, "user-data", (line,))
        if pair.differences:
            detail = f"the image has it with other {', '.join(pair.differences)}"
            return Cause(Origin.USER_DATA, "user-data", (Evidence("image-layer", detail), line))
        same = Evidence("image-layer", f"layer {pair.image.layer} of the image has the same")
        return Cause(Origin.VOLUME_COPY, f"{self._engine}-volume-copy", (same, line))

    def _in_new_filesystem(self, pair: Pair, live: Entry, mount: Mount, line: Evidence) -> Cause:
        """In a filesystem that was empty when it was mounted, whoever asked for it."""
        if self._mounts[mount].origin in MADE_LATER:
            detail = f"{mount.target} was mounted, empty, after the start"
            return Cause(Origin.WRITTEN_LATER, None, (Evidence("stat", detail), line))
        if live.path in self._mountpoints and live.kind is Kind.DIRECTORY:
            proof = self._needed_for(live.path)
            return Cause(Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint", (proof, line))
        if mount.target == "/dev" and (made := self._device_or_link(live)):
            rule, proof = made
            return Cause(Origin.RUNTIME_DEVICE, rule, (proof, line))
        if device := self._device(live, line):
            return device
        if live.path in self._workdir and live.kind is Kind.DIRECTORY:
            return self._working_directory(line)
        request = self._mounts.request(mount)
        copied = request is not None and "tmpcopyup" in request.options
        if copied and pair.image is not None and not set(pair.differences) - {"links", "mtime"}:
            same = Evidence("oci-config", f"{request}: the image's content is copied there")
            return Cause(Origin.VOLUME_COPY, "runtime-tmpcopyup", (same, line))
        detail = f"{mount.target} was empty when it was mounted, and nothing else makes this"
        return Cause(Origin.WRITTEN_LATER, None, (Evidence("stat", detail), line))

    def _device(self, live: Entry, place: Evidence) -> Cause | None:
        """The cause of a device that is asked for, or that may be."""
        if configured := self._configured_device(live, place):
            return configured
        unknown = self._mounts.device_files.unknown()
        if live.device is not None and unknown:
            return Cause(Origin.UNEXPLAINED, None, (*unknown, place))
        return None

    def _configured_device(self, live: Entry, place: Evidence) -> Cause | None:
        """The cause of a device that the runtime's configuration lists."""
        listed = self._listed_device(live)
        if not listed:
            return None
        named = self._mounts.asked_devices.named(live.path, live.device)
        if not named:
            doubt = self._mounts.asked_devices.nobody()
            return Cause(Origin.UNEXPLAINED, None, (*listed, place), doubt)
        return Cause(Origin.RUNTIME_DEVICE, "configured-device", (*listed, *named, place))

    def _listed_device(self, live: Entry) -> tuple[Evidence, ...]:
        if live.device is None:
            return ()
        # What is asked for may be a directory of nodes; the host's are not known from everywhere.
        devices = self._mounts.devices
        asked = next((path for path in upwards(live.path) if path in devices), None)
        if asked is None or (asked != live.path and devices[asked] is not None):
            return ()
        number = devices[asked]
        if number is None:
            detail = f"a device {asked} is asked for; its number is not known from here"
            return (Evidence("inspect", detail),)
        if number != live.device:
            return ()
        listed_in = "inspect" if self._evidence.facts.container.oci_config is None else "oci-config"
        detail = "device {} {}:{} is configured".format(live.path, *live.device)
        return (Evidence(listed_in, detail),)

    def _device_or_link(self, live: Entry) -> tuple[str, Evidence] | None:
        """The rule and the proof of a device node or link that the runtime makes in /dev."""
        path, device = live.path, live.device
        if device is not None:
            number = f"{device[0]}:{device[1]}"
            if DEVICES.get(path) == device and live.kind is Kind.CHAR:
                detail = f"it is {number}, as the specification requires"
                return "oci-device", Evidence("stat", detail)
        if live.kind is Kind.SYMLINK:
            target, rule = LINKS.get(path, (None, ""))
            if target is not None and live.target == target:
                return rule, Evidence("stat", f"it links to {target}, as runtimes make it")
            if path == "/dev/console" and str(live.target).startswith("/dev/pts/"):
                # crun 1.22 and later link the console to its terminal (crun#1796).
                return "oci-console", Evidence("stat", f"the terminal {live.target}")
        return None


@lru_cache(1024)  # one cause for all entries of a layer
def _of_layer(layer: int | None) -> Cause:
    if layer is None:
        proof = Evidence("image-layer", "a directory above an entry of the image")
    else:
        proof = Evidence("image-layer", f"layer {layer} of the image has it")
    return Cause(Origin.IMAGE_LAYER, None, (proof,))


def _same(init: Entry, writable: Entry) -> bool:
    fields = all(getattr(init, name) == getattr(writable, name) for name in _COPIED_UP)
    return fields and without_marks(init) == without_marks(writable)
