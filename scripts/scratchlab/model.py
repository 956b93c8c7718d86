"""The lab's data, frozen: entries, mounts, facts, findings, checks. No logic, no input/output."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from scratchlab.accounts import Accounts
from scratchlab.devices import CdiEdit, HostDevice
from scratchlab.reading import SecondLook, UserDataRead
from scratchlab.remedy import NOTHING, Mendable, Remedy

Json = dict[str, Any]
EMPTY_DIRECTORY = ".empty-directory"  # crun's, in its state directory: it masks directories with it


class Kind(StrEnum):
    """The type of an entry (POSIX file types)."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    CHAR = "char-device"
    BLOCK = "block-device"
    FIFO = "fifo"
    SOCKET = "socket"

    @classmethod
    def from_mode(cls, mode: int) -> Kind:
        """The kind that the type bits of an ``st_mode`` stand for. Raises KeyError."""
        return _KINDS[stat.S_IFMT(mode)]

    def filemode(self, mode: int) -> str:
        """The first column of ``ls -l`` (``drwxr-xr-x``) for the permission bits ``mode``."""
        return stat.filemode(_TYPE_BITS[self] | mode)


_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}
_TYPE_BITS = {kind: bits for bits, kind in _KINDS.items()}


class Origin(StrEnum):
    """Who put an entry into the live root (docs/injections.md describes each)."""

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
    USER_DATA = "user-data"  # lies on a mount of the user's; whoever wrote it
    VOLUME_COPY = "volume-copy"  # copied from the image to a mount when the container was made
    MOUNTED_INSIDE = "mounted-inside"  # a mount made in the running container's mount namespace
    HOST_MOUNT = "host-mount"  # a mount of the host that came later, by propagation
    HOOK_OR_TOOL = "hook-or-tool"  # a CDI file or a hook's configuration names the path
    WRITTEN_LATER = "written-later"  # since the start, by a process, docker cp or a tool
    UNEXPLAINED = "unexplained"


class Status(StrEnum):
    """The result of comparing one path of the image with the live root."""

    SAME = "same"
    ALTERED = "altered"  # in both, and a compared field differs
    ONLY_LIVE = "only-live"
    MISSING = "missing"  # in the image, or predicted, but not visible, and nothing explains it
    SHADOWED = "shadowed"  # ghost: under a mount
    REPLACED = "replaced"  # ghost: the engine's init layer has another entry at this path
    OVERRIDDEN = "overridden"  # ghost: a bind mount on this path
    DELETED = "deleted"  # ghost, or what an engine made: removed since the start
    CHANGED = "changed"  # ghost: another entry was written in its place since the start


class Verdict(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    SKIP = "skip"
    ERROR = "error"


class Entry(NamedTuple):
    """One path of a ledger.

    ``path`` is absolute and normalized (``/``, ``/etc/hosts``); bytes that are not UTF-8 are kept
    by surrogateescape. ``mode`` holds the permission bits only (``0o7777``). ``size`` is in bytes,
    0 for anything but a regular file. ``target`` is that of a symlink, ``device`` the major and
    minor number of a device. ``mtime`` is in nanoseconds since 1970, None where it means nothing.
    ``links`` is the first path (in ledger order) of a hard-link set, None for a file with one
    name. ``layer`` (image ledger) counts from 0, the lowest; ``mount`` (live ledger) is a
    mountinfo id. ``note`` is the reason why a field could not be read (``unreadable: EACCES``,
    ``changed while read``).
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

    @classmethod
    def whiteout(cls, path: str) -> Entry:
        """An overlayfs whiteout of ``path``: a character device 0:0 (Linux overlayfs.rst)."""
        return cls(path, Kind.CHAR, 0, device=(0, 0))

    @property
    def is_whiteout(self) -> bool:
        """Whether the entry, in an overlay's upper layer, hides its path."""
        return self.kind is Kind.CHAR and self.device == (0, 0)


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
    """The facts of the machine that predictions depend on."""

    name: str = ""
    kernel: str = ""
    distribution: str = ""
    cgroup_version: int = 0
    # v1: one string per mounted hierarchy ("cpu,cpuacct", "name=systemd"); v2: one per controller.
    controllers: tuple[str, ...] = ()
    # Those of the paths that engines mask or make read-only which this machine has.
    existing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Engine:
    """The container engine, as it describes itself."""

    name: str = ""  # docker, podman
    version: str = ""
    api_version: str = ""
    storage_driver: str = ""  # overlay2, vfs, overlay, overlayfs (a containerd snapshotter)
    containerd_store: bool = False
    containerd_version: str = ""
    root_dir: str = ""  # /var/lib/docker
    security_options: tuple[str, ...] = ()  # as `docker info` lists them
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
    problems: tuple[str, ...] = ()  # sentences: disagreements inside the archive
    notes: tuple[str, ...] = ()  # sentences: oddities of the archive that leave no doubt
    source: str = "archive"  # archive: read by this run; kept: the ledger an earlier run proved


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
    made: int | None = None  # when the runtime had made it, in ns since 1970; None if not known
    namespaces: Mapping[str, str] = field(default_factory=dict)  # mnt -> "mnt:[4026532201]"
    uid_map: tuple[tuple[int, int, int], ...] = ()  # inside, outside, count


@dataclass(frozen=True, slots=True)
class Layers:
    """The directories in which the storage driver keeps the parts of the root.

    None or empty where they are not known.
    """

    driver: str = ""
    lower: tuple[str, ...] = ()  # of the image's layers, topmost first, without the init layer
    init: str | None = None  # the engine's `-init` layer
    upper: str | None = None  # the writable layer


@dataclass(frozen=True, slots=True)
class BindSource:
    """A file or directory that the engine names as the source of a bind mount.

    Proved by stat(2): ``device`` (major, minor) and ``inode`` are the same on both sides. ``root``
    is its path within its filesystem, as mountinfo names it; empty where that is not known. From a
    debug container ``inode`` is 0: there mountinfo's device and root prove it.
    """

    path: str
    device: tuple[int, int]
    inode: int
    mount: int  # mountinfo id of the bind mount; 0: it exists on the host and is not mounted
    root: str = ""


@dataclass(frozen=True, slots=True)
class EngineFile:
    """A file that the engine writes for a container and mounts into it, such as /etc/hosts.

    ``text`` is its content, None where it is larger than 64 KiB or cannot be read; ``recorded`` is
    the digest that the engine kept of what it wrote, empty where it keeps none. ``changed`` is when
    the file or its status was last changed (ctime, nanoseconds since 1970), None if not known.
    """

    target: str
    source: str
    text: str | None = None
    recorded: str = ""
    changed: int | None = None


@dataclass(frozen=True, slots=True)
class MaskRoot:
    """What a mount of a tmpfs below /proc or /sys shows: its ctime (ns since 1970), and its number
    (major, minor) where it is a device.
    """

    mount: int
    changed: int
    device: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The evidence without the ledgers: what engine, runtime, kernel and host report."""

    host: Host = Host()
    engine: Engine = Engine()
    runtime: Runtime = Runtime()
    image: Image = Image()
    container: Container = Container()
    mounts: tuple[Mount, ...] = ()
    layers: Layers = Layers()
    sources: tuple[BindSource, ...] = ()
    host_namespaces: Mapping[str, str] = field(default_factory=dict)
    # Path to "added", "changed" or "deleted", as `docker diff` reports. Only read where the layers'
    # directories cannot be read; otherwise None.
    changes: Mapping[str, str] | None = None
    # Directories of an overlay root that no other layer adds to; only read along with `changes`.
    unmerged: frozenset[str] = frozenset()
    # Directory of the image to when it was made (nanoseconds since 1970), where that is after the
    # start. Only read where the root is not an overlay.
    made_again: Mapping[str, int] = field(default_factory=dict)
    # Those mounts of the engine's mount namespace that show what a mount of the container shows
    # (the same device and root). None where that namespace cannot be read.
    host_mounts: tuple[Mount, ...] | None = None
    # Path to target: the symlinks on the way to a mount, device or working directory that lie on a
    # mount of the user's. None where they cannot be read.
    links: Mapping[str, str] | None = None
    engine_files: tuple[EngineFile, ...] = ()
    # What --device asks for, directories expanded; None where the host's nodes cannot be read.
    devices: tuple[HostDevice, ...] | None = None
    mask_roots: tuple[MaskRoot, ...] = ()
    # What CDI files of this machine add: at paths that config.json has, and for what is asked for.
    cdi: tuple[CdiEdit, ...] = ()
    accounts: Accounts = field(default_factory=Accounts)  # only read of podman's containers
    # The ids of the reader's own user namespace, as /proc/self/uid_map has them; empty: not known.
    reader_ids: tuple[tuple[int, int, int], ...] = ()
    # Mounts of the containers that it has volumes from, as inspect lists them; podman's only.
    lent: tuple[Json, ...] = ()
    second_look: tuple[SecondLook, ...] = ()
    # Of what changed since the start: path to "ELF" or "script", as the content begins; path
    # to the package that owns it ("dpkg: nginx 1.22.1-9"), as the container's own database says.
    content: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    # None: the user's data was read like all else (evidence of earlier versions).
    user_data: UserDataRead | None = None
    problems: tuple[str, ...] = ()  # sentences: facts that could not be read, and why


class Evidence(NamedTuple):
    """An observed fact that supports a finding.

    ``kind`` names its source: ``mountinfo``, ``oci-config``, ``init-layer``, ``writable-layer``,
    ``image-layer``, ``changes``, ``inspect``, ``stat``, ``host``.
    """

    kind: str
    detail: str


class Finding(NamedTuple):
    """The judgement of one path: its status, its origin and the evidence for them."""

    path: str
    status: Status
    origin: Origin
    evidence: tuple[Evidence, ...] = ()
    rule: str | None = None  # id of a rule of judge/rules
    differences: tuple[str, ...] = ()  # names of Entry fields
    image: Entry | None = None
    live: Entry | None = None
    # Prediction against evidence: "agrees", "none" (nothing was predicted), or a sentence about
    # how they disagree.
    prediction: str = "none"


@dataclass(frozen=True, slots=True)
class MountFinding:
    """The judgement of one line of mountinfo.

    ``entry``: the live root has an entry at its target, with the same origin. Otherwise the mount
    is hidden, or it lies inside a kernel filesystem (a mask).
    """

    mount: Mount
    origin: Origin
    evidence: tuple[Evidence, ...] = ()
    rule: str | None = None
    prediction: str = "none"
    entry: bool = False


@dataclass(frozen=True, slots=True)
class Ghost:
    """Image content that the container cannot see, and what hides it."""

    path: str
    kind: Status  # SHADOWED, REPLACED, OVERRIDDEN, DELETED, CHANGED
    origin: Origin
    actor: str  # "mount of tmpfs on /dev", "the engine's init layer", ...
    evidence: tuple[Evidence, ...]
    image: Entry


@dataclass(frozen=True, slots=True)
class Check(Mendable):
    """One claim about the lab with its verdict."""

    id: str
    title: str
    verdict: Verdict
    claim: str = ""
    command: str = ""
    observed: str = ""
    expected: str = ""
    cause: str = ""
    remedy: Remedy = NOTHING
    depends_on: tuple[str, ...] = ()
    article: str = ""  # what the article of 2017 saw
    output: str | None = None  # what ``command`` printed on this host; None: it was not typed
