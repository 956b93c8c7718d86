"""The words of the lab as frozen data: entries, mounts, facts, findings, checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Kind(StrEnum):
    """The type of an entry (POSIX file types)."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    CHAR = "char-device"
    BLOCK = "block-device"
    FIFO = "fifo"
    SOCKET = "socket"


class Origin(StrEnum):
    """Who put an entry into the live root."""

    IMAGE_LAYER = "image-layer"
    STORAGE_DRIVER = "storage-driver"
    ENGINE_INIT_LAYER = "engine-init-layer"
    ENGINE_CREATE = "engine-create"
    RUNTIME_MOUNTPOINT = "runtime-mountpoint"
    ENGINE_MOUNT = "engine-mount"
    USER_MOUNT = "user-mount"
    RUNTIME_FILESYSTEM = "runtime-filesystem"
    RUNTIME_DEVICE = "runtime-device"
    KERNEL = "kernel"
    RUNTIME_MASK = "runtime-mask"
    HOOK_OR_TOOL = "hook-or-tool"
    PROCESS_WRITE = "process-write"
    UNEXPLAINED = "unexplained"


class Status(StrEnum):
    """What the comparison says of one path."""

    SAME = "same"
    ALTERED = "altered"  # in both, and a compared field differs
    ONLY_LIVE = "only-live"
    MISSING = "missing"  # in the image (or predicted), not visible, and nothing explains it
    SHADOWED = "shadowed"  # ghost: under a mount
    REPLACED = "replaced"  # ghost: another entry stands there, put by the engine's init layer
    OVERRIDDEN = "overridden"  # ghost: a bind mount on the very path
    DELETED = "deleted"  # ghost: removed by the process
    CHANGED = "changed"  # ghost: the process wrote over it


class Verdict(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    SKIP = "skip"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a ledger.

    ``path`` is absolute and normalized (``/``, ``/etc/hosts``), text by surrogateescape.
    ``mode`` holds the permission bits only (``0o7777``). ``size`` is in bytes, 0 unless a regular
    file. ``mtime`` is in nanoseconds since 1970, None where it means nothing. ``links`` is the
    first path (in ledger order) of a hard-link set, None for a file with one name.
    ``layer`` (image ledger) counts from 0 = lowest; ``mount`` (live ledger) is a mountinfo id.
    ``note`` says why a field could not be read (``unreadable: EACCES``, ``changed while read``).
    """

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    sha256: str | None = None
    target: str | None = None
    device: tuple[int, int] | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()
    mtime: int | None = None
    links: str | None = None
    layer: int | None = None
    mount: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of ``/proc/PID/mountinfo`` (proc_pid_mountinfo(5)), unescaped."""

    id: int
    parent: int
    device: tuple[int, int]
    root: str
    target: str
    options: tuple[str, ...]
    propagation: tuple[str, ...]
    fstype: str
    source: str
    super_options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """Facts of the machine that decide predictions."""

    name: str = ""
    kernel: str = ""
    distribution: str = ""
    cgroup_version: int = 0
    # v1: one string per mounted hierarchy ("cpu,cpuacct", "name=systemd"); v2: one per controller.
    controllers: tuple[str, ...] = ()
    # Those of the known candidate paths (masks, read-only paths, /proc/kcore) that exist here.
    existing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that answered."""

    name: str = ""  # docker, podman
    version: str = ""
    api_version: str = ""
    storage_driver: str = ""  # overlay2, vfs, overlay, overlayfs (a containerd snapshotter)
    containerd_store: bool = False
    containerd_version: str = ""
    root_dir: str = ""  # /var/lib/docker
    security_options: tuple[str, ...] = ()  # as `docker info` gives them
    rootless: bool = False


@dataclass(frozen=True, slots=True)
class Runtime:
    """The OCI runtime that started the container."""

    name: str = ""  # runc, crun, runsc
    version: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """The image that the container was created from."""

    id: str = ""
    tags: tuple[str, ...] = ()
    diff_ids: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)  # the image configuration (OCI)
    problems: tuple[str, ...] = ()  # disagreements inside the archive, in words
    source: str = "archive"  # archive: read from it just now; kept: proved by one read before


@dataclass(frozen=True, slots=True)
class Container:
    """The container, as its engine, its runtime and the kernel describe it."""

    id: str = ""
    name: str = ""
    pid: int = 0
    start_time: int = 0  # clock ticks after boot, field 22 of /proc/PID/stat
    vantage: str = "host"  # host, debug
    inspect: Mapping[str, Any] = field(default_factory=dict)
    oci_config: Mapping[str, Any] | None = None  # the runtime's config.json, None if not readable
    oci_config_path: str = ""
    namespaces: Mapping[str, str] = field(default_factory=dict)  # mnt -> "mnt:[4026532201]"
    uid_map: tuple[tuple[int, int, int], ...] = ()  # inside, outside, count


@dataclass(frozen=True, slots=True)
class Layers:
    """Where the storage driver keeps the parts of the root, None or empty where it cannot tell."""

    driver: str = ""
    lower: tuple[str, ...] = ()  # image layers' directories, top first, init layer excluded
    init: str | None = None  # the engine's `-init` layer
    upper: str | None = None  # the writable layer


@dataclass(frozen=True, slots=True)
class BindSource:
    """A host file behind a bind mount, as stat(2) saw it: proof by st_dev and st_ino."""

    path: str
    device: tuple[int, int]
    inode: int
    mount: int  # id of the mount it stands behind


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything but the ledgers that judgement may stand on."""

    host: Host = Host()
    engine: Engine = Engine()
    runtime: Runtime = Runtime()
    image: Image = Image()
    container: Container = Container()
    mounts: tuple[Mount, ...] = ()
    layers: Layers = Layers()
    sources: tuple[BindSource, ...] = ()
    host_namespaces: Mapping[str, str] = field(default_factory=dict)
    # Path to "added", "changed" or "deleted": what the engine itself counts (docker diff). Asked
    # only where the layers' directories cannot be read; None where it was not.
    changes: Mapping[str, str] | None = None
    problems: tuple[str, ...] = ()  # facts that could not be had, and why, in words


@dataclass(frozen=True, slots=True)
class Evidence:
    """An observed fact. ``kind`` names where it was seen: ``mountinfo``, ``oci-config``,
    ``init-layer``, ``writable-layer``, ``image-layer``, ``changes``, ``inspect``, ``stat``,
    ``host``.
    """

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one path, in the end."""

    path: str
    status: Status
    origin: Origin
    evidence: tuple[Evidence, ...] = ()
    rule: str | None = None  # id of a rule of judge/rules
    differences: tuple[str, ...] = ()  # names of Entry fields
    image: Entry | None = None
    live: Entry | None = None
    # Prediction against evidence: "agrees", "none" (nothing was predicted), or a sentence that
    # says how they disagree.
    prediction: str = "none"


@dataclass(frozen=True, slots=True)
class MountFinding:
    """What is known of one line of mountinfo. ``entry``: the live root has an entry for it, which
    says the same; otherwise it is hidden, or inside a kernel filesystem (a mask).
    """

    mount: Mount
    origin: Origin
    evidence: tuple[Evidence, ...] = ()
    rule: str | None = None
    prediction: str = "none"
    entry: bool = False


@dataclass(frozen=True, slots=True)
class Ghost:
    """Image content that the container cannot see, and who is to blame."""

    path: str
    kind: Status  # SHADOWED, REPLACED, OVERRIDDEN, DELETED, CHANGED
    origin: Origin
    actor: str  # "mount of tmpfs on /dev", "the engine's init layer", ...
    evidence: tuple[Evidence, ...]
    image: Entry


@dataclass(frozen=True, slots=True)
class Check:
    """One claim of the lab with its verdict."""

    id: str
    title: str
    verdict: Verdict
    claim: str = ""
    command: str = ""
    observed: str = ""
    expected: str = ""
    cause: str = ""
    help: str = ""
    depends_on: tuple[str, ...] = ()
