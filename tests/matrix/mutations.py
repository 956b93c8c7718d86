"""Faults seeded from outside into a running container, as data, with the findings that a report
must then have. Standard library only: this runs on the hosts of the matrix.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """The root to damage: of the container as the host sees it, or of the engine's init layer
    before the start; and the PID of its first process, 0 before the start. ``files`` is the
    directory that {files} of the flags names, ``config`` the runtime's config.json.
    """

    root: Path
    pid: int = 0
    files: Path = Path()
    config: Path = Path()


@dataclass(frozen=True)
class Finding:
    """An expected finding of the report. ``where`` is ``entries``, ``mounts`` or ``ghosts``;
    ``origin`` (or one of several, ``A|B``) and ``status`` (a ghost's kind) are exact; ``text`` is
    part of the prediction, of a difference or of the evidence.
    """

    where: str
    path: str
    origin: str
    status: str = ""
    text: str = ""


@dataclass(frozen=True)
class Mutation:
    """One fault: ``seed`` makes it, ``findings`` must report it, and the verification ends with
    ``status``: 3 where all is explained as made later, 1 where it contradicts what was asked for,
    0 where it is the user's own affair. Where the root is one directory (native, btrfs) it may end
    with ``one_directory``: what was written is then known by elimination. ``flags`` are those of
    the container; {files} is a directory. An ``early`` one is made between create and start, in the
    engine's own directories; a ``nodes`` one needs the container's own device nodes, which no user
    namespace has (there they are the host's); a ``config`` one edits the runtime's config.json.
    """

    name: str
    seed: Callable[[Target], object]
    findings: tuple[Finding, ...]
    status: int = 3
    one_directory: int | None = None
    flags: tuple[str, ...] = ()
    early: bool = False
    nodes: bool = False
    config: bool = False
    engines: frozenset[str] = frozenset({"docker", "podman"})


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file's content and keep its times."""
    times = path.stat()
    path.write_bytes(change(path.read_bytes()))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def flip(content: bytes) -> bytes:
    """One byte changed, the size kept."""
    return content[:-1] + bytes([content[-1] ^ 1])


def busybox(pid: int, *words: str) -> None:
    """Run a tool of the container's busybox in its mount namespace."""
    subprocess.run(
        ["nsenter", f"--mount=/proc/{pid}/ns/mnt", f"--root=/proc/{pid}/root",
         "/bin/busybox", *words],
        check=True, capture_output=True,
    )  # fmt: skip


def node(path: Path, major: int, minor: int) -> None:
    """Replace a device node by another."""
    path.unlink()
    os.mknod(path, 0o020666, os.makedev(major, minor))


@contextmanager
def owner_of(directory: Path) -> Iterator[int]:
    """Act as the directory's owner: in a filesystem mounted in a user namespace no other user can
    create files. Yields a descriptor of the directory.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        owner = os.fstat(fd)
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        yield fd
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.close(fd)


def link(path: Path, target: str) -> None:
    """Replace a symbolic link by another."""
    with owner_of(path.parent) as directory:
        os.unlink(path.name, dir_fd=directory)
        os.symlink(target, path.name, dir_fd=directory)


def file(path: Path) -> None:
    """Create an empty file."""
    with owner_of(path.parent) as directory:
        os.close(os.open(path.name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=directory))


def directory_for_file(path: Path) -> None:
    """Replace a file by a directory."""
    path.unlink()
    path.mkdir()


def wrote(path: str, status: str, text: str = "") -> Finding:
    """The finding that a process wrote ``path``."""
    return Finding("entries", path, "written-later", status, text)


def m(name: str, seed: Callable[[Target], object], *findings: Finding, **more: object) -> Mutation:
    """A mutation, in short form."""
    return Mutation(name, seed, findings, **more)  # type: ignore[arg-type]


def mount(*words: str) -> Callable[[Target], None]:
    """A seed that mounts inside the container; {files} is the host's directory."""
    return lambda t: busybox(t.pid, "mount", *words)


def seeds(*parts: Callable[[Target], object]) -> Callable[[Target], object]:
    """One seed of several."""
    return lambda target: [part(target) for part in parts]


def unmount(path: str) -> Callable[[Target], None]:
    """A seed that unmounts ``path`` in the container."""
    return lambda t: busybox(t.pid, "umount", path)


def write(path: str, text: str = "written") -> Callable[[Target], object]:
    """A seed that writes a file through the mounts of the container."""
    return lambda t: (t.root / path[1:]).write_text(text)


def append(path: str, text: str) -> Callable[[Target], object]:
    """A seed that adds a line to a file and keeps its times."""
    return lambda t: rewrite(t.root / path[1:], lambda old: old + text.encode())


def replace(path: str, old: str, new: str) -> Callable[[Target], object]:
    """A seed that replaces text of a file and keeps its times."""
    return lambda t: rewrite(
        t.root / path[1:], lambda text: text.replace(old.encode(), new.encode())
    )


def make(path: str) -> Callable[[Target], object]:
    """A seed that makes a directory."""
    return lambda t: (t.root / path[1:]).mkdir(parents=True, exist_ok=True)


def hook(*arguments: str) -> Callable[[Target], object]:
    """A seed that adds a foreign hook to config.json (what a wrapper of the runtime does)."""

    def seed(target: Target) -> None:
        config = json.loads(target.config.read_text())
        config.setdefault("hooks", {})["prestart"] = [{"path": arguments[0], "args": [*arguments]}]
        target.config.write_text(json.dumps(config))

    return seed


def inside(path: str, text: str = "") -> Finding:
    """The finding that a mount was made in the running container."""
    return Finding("entries", path, "mounted-inside", "only-live", text)


DOCKER = frozenset({"docker"})
FILE, LINK = "/lab/file", "/lab/link"

RUNNING = (
    m("an extra file", lambda t: (t.root / "extra").write_text("x"), wrote("/extra", "only-live")),
    m("an extra directory", lambda t: (t.root / "lab/new").mkdir(), wrote("/lab/new", "only-live")),
    m("an extra link", lambda t: (t.root / "new").symlink_to("lab"), wrote("/new", "only-live")),
    m("an extra FIFO", lambda t: os.mkfifo(t.root / "pipe"), wrote("/pipe", "only-live")),
    m(
        "one byte, size and time kept", lambda t: rewrite(t.root / "lab/file", flip),
        # With size and time kept, the engine does not list it as a change.
        Finding("entries", FILE, "written-later|unexplained", "altered", "sha256"),
        one_directory=1,
    ),
    m(
        "one byte more", lambda t: rewrite(t.root / "lab/file", lambda old: old + b"x"),
        wrote(FILE, "altered", "size"),
    ),
    m("a mode", lambda t: (t.root / "lab/file").chmod(0o4755), wrote(FILE, "altered", "mode")),
    m("another mode", lambda t: (t.root / "lab").chmod(0o777), wrote("/lab", "altered", "mode")),
    m("an owner", lambda t: os.chown(t.root / "lab/file", 12, -1), wrote(FILE, "altered", "uid")),
    m("a group", lambda t: os.chown(t.root / "lab/file", -1, 13), wrote(FILE, "altered", "gid")),
    m("a time", lambda t: os.utime(t.root / "lab/file", (1, 1)), wrote(FILE, "altered", "mtime")),
    m(
        "an extended attribute", lambda t: os.setxattr(t.root / "lab/file", "user.seeded", b"1"),
        wrote(FILE, "altered", "xattrs"),
    ),
    m(
        "a capability",
        lambda t: os.setxattr(
            t.root / "lab/file", "security.capability",
            bytes.fromhex("0100000200200000000000000000000000000000"),
        ),
        wrote(FILE, "altered", "xattrs"),
    ),
    m(
        "a link retargeted", lambda t: link(t.root / "lab/link", "elsewhere"),
        wrote(LINK, "altered", "target"),
    ),
    m(
        "a hard link more", lambda t: os.link(t.root / "lab/file", t.root / "lab/hard"),
        wrote("/lab/hard", "only-live"),
    ),
    m(
        "a file deleted", lambda t: (t.root / "lab/file").unlink(),
        Finding("ghosts", FILE, "written-later", "deleted"),
    ),
    m(
        "a file become a directory", lambda t: directory_for_file(t.root / "lab/file"),
        wrote(FILE, "only-live"), Finding("ghosts", FILE, "written-later", "changed"),
    ),
    m(
        "other numbers of a device", lambda t: node(t.root / "dev/null", 1, 5),
        wrote("/dev/null", "only-live", "predicted as runtime-device"), nodes=True, status=1,
    ),
    m(
        "a device's mode", lambda t: (t.root / "dev/zero").chmod(0o600),
        Finding("entries", "/dev/zero", "runtime-device", "only-live", "mode: predicted 0666"),
        nodes=True, status=1,
    ),
    m(
        "an extra device", lambda t: os.mknod(t.root / "dev/disk", 0o060600, os.makedev(7, 0)),
        wrote("/dev/disk", "only-live"), nodes=True,
    ),
    m(
        "a device missing", lambda t: (t.root / "dev/random").unlink(),
        Finding("entries", "/dev/random", "runtime-device", "missing"), status=1,
    ),
    m(
        "a link of the runtime's retargeted", lambda t: link(t.root / "dev/fd", "/tmp"),
        wrote("/dev/fd", "only-live", "predicted as runtime-device"), status=1,
    ),
    m(
        "a file in /dev/shm", lambda t: file(t.root / "dev/shm/left"),
        wrote("/dev/shm/left", "only-live"), engines=DOCKER,
    ),
    m(
        "a bind over a file", lambda t: busybox(t.pid, "mount", "--bind", LINK, FILE),
        inside(FILE), Finding("ghosts", FILE, "mounted-inside", "overridden"),
    ),
    m(
        "a bind over the engine's file",
        lambda t: busybox(t.pid, "mount", "--bind", FILE, "/etc/hosts"),
        inside("/etc/hosts"),
    ),
    m(
        "a tmpfs over a directory", lambda t: busybox(t.pid, "mount", "-t", "tmpfs", "x", "/lab"),
        inside("/lab"), Finding("ghosts", FILE, "mounted-inside", "shadowed"),
    ),
    m(
        "a second /dev/shm", lambda t: busybox(t.pid, "mount", "-t", "tmpfs", "x", "/dev/shm"),
        inside("/dev/shm"),
    ),
    m(
        "a bind inside /proc", lambda t: busybox(t.pid, "mount", "--bind", FILE, "/proc/cpuinfo"),
        Finding("mounts", "/proc/cpuinfo", "mounted-inside"),
    ),
    m(
        "a mount with other options",
        lambda t: busybox(t.pid, "mount", "-o", "remount,bind,rw,nosuid", "pts", "/dev/pts"),
        Finding("entries", "/dev/pts", "runtime-filesystem", "only-live", "noexec"), status=1,
    ),
    m(
        "a read-only path made writable", lambda t: busybox(t.pid, "umount", "/proc/sys"),
        Finding("entries", "/proc/sys", "runtime-mask", "missing"), status=1,
    ),
    m(
        "a filesystem gone", lambda t: busybox(t.pid, "umount", "/dev/mqueue"),
        Finding(
            "entries", "/dev/mqueue", "runtime-mountpoint", "only-live", "predicted a mount point"
        ),
        status=1,
    ),
    m(
        "a forged .dockerenv", lambda t: (t.root / ".dockerenv").write_text("forged"),
        wrote("/.dockerenv", "only-live"), status=1,
    ),
    m(
        "the mode of the engine's directory", lambda t: (t.root / "etc").chmod(0o777),
        wrote("/etc", "only-live", "predicted as engine-init-layer"), engines=DOCKER,
        status=1,
    ),
    m(
        "mtab retargeted", lambda t: link(t.root / "etc/mtab", "/lab/file"),
        Finding(
            "entries", "/etc/mtab", "written-later|engine-init-layer", "only-live", "predicted"
        ),
        status=1,
    ),
)  # fmt: skip
VOLUME, BIND, TMPFS = ("-v", "/data"), ("-v", "{files}:/b"), ("--tmpfs", "/run")
# Mounts made inside: none may pass for the one that was asked for, whatever it lies on.
MOUNTED = (
    m(
        "a tmpfs below a volume",
        seeds(make("/data/x"), mount("-t", "tmpfs", "t", "/data/x"), write("/data/x/evil")),
        inside("/data/x"), wrote("/data/x/evil", "only-live"), flags=VOLUME,
    ),
    m("a tmpfs on a volume", mount("-t", "tmpfs", "t", "/data"), inside("/data"), flags=VOLUME),
    m("a bind on a volume", mount("--bind", "/lab", "/data"), inside("/data"), flags=VOLUME),
    m(
        "a volume on itself", mount("--bind", "/data", "/data"), inside("/data"), flags=VOLUME,
    ),
    m(
        "a volume replaced", seeds(unmount("/data"), mount("--bind", "/lab", "/data")),
        inside("/data"), flags=VOLUME, status=1,
    ),
    m(
        "a volume gone", unmount("/data"),
        Finding("entries", "/data", "image-layer", "same", "predicted as user-mount"),
        flags=VOLUME, status=1,
    ),
    m(
        "a bind of etc below a bind",
        seeds(make("/b/x"), mount("--bind", "/etc", "/b/x")), inside("/b/x"), flags=BIND,
    ),
    m(
        "a tmpfs below a bind", seeds(make("/b/x"), mount("-t", "tmpfs", "t", "/b/x")),
        inside("/b/x"), flags=BIND,
    ),
    m(
        "a part of a bind below it",
        seeds(make("/b/x"), make("/b/y"), mount("--bind", "/b/x", "/b/y")), inside("/b/y"),
        flags=BIND,
    ),
    m("a tmpfs on a bind", mount("-t", "tmpfs", "t", "/b"), inside("/b"), flags=BIND),
    m(
        "a read-only bind made writable", mount("-o", "remount,bind,rw", "none", "/b"),
        Finding("entries", "/b", "user-mount", "only-live", "ro"),
        flags=("-v", "{files}:/b:ro"), status=1,
    ),
    m(
        "a tmpfs of the user's replaced",
        seeds(unmount("/run"), mount("-t", "tmpfs", "-o", "nosuid,nodev,noexec", "tmpfs", "/run")),
        inside("/run"), flags=TMPFS, status=1,
    ),
    m(
        "shared memory replaced",
        seeds(
            unmount("/dev/shm"),
            mount("-t", "tmpfs", "-o", "nosuid,nodev,noexec", "shm", "/dev/shm"),
        ),
        inside("/dev/shm"), status=1, engines=DOCKER,
    ),
    m(  # podman's own is not predicted
        "shared memory of podman replaced",
        seeds(unmount("/dev/shm"), mount("-t", "tmpfs", "shm", "/dev/shm")),
        inside("/dev/shm"), engines=frozenset({"podman"}),
    ),
    m(
        "a mask twice", mount("-t", "tmpfs", "-o", "ro", "t", "/proc/acpi"),
        Finding("mounts", "/proc/acpi", "mounted-inside"),
    ),
    m(
        "a mask gone", unmount("/proc/acpi"),
        Finding("entries", "/proc/acpi", "runtime-mask", "missing"), status=1,
    ),
    m(
        "a mask replaced", seeds(unmount("/proc/acpi"), mount("--bind", "/lab", "/proc/acpi")),
        Finding("mounts", "/proc/acpi", "mounted-inside"), status=1,
    ),
    m(
        "a mask replaced by a writable tmpfs",
        seeds(unmount("/proc/acpi"), mount("-t", "tmpfs", "t", "/proc/acpi")),
        Finding("mounts", "/proc/acpi", "mounted-inside"), status=1,
    ),
    m(
        "a read-only path remounted", mount("-o", "remount,bind,rw", "none", "/proc/sys"),
        Finding("mounts", "/proc/sys", "mounted-inside", text="predicted as runtime-mask"),
        status=1,
    ),
    m(
        "a read-only root remounted", mount("-o", "remount,rw", "none", "/"),
        Finding("entries", "/", "storage-driver", text="ro"), flags=("--read-only",), status=1,
    ),
    m(
        "sys remounted", mount("-o", "remount,bind,rw", "none", "/sys"),
        Finding("entries", "/sys", "runtime-filesystem", "only-live", "ro"), status=1,
    ),
    m(
        "a tmpfs of the user's gone", unmount("/run"),
        Finding("entries", "/run", "image-layer", "same", "predicted as user-mount"), flags=TMPFS,
        status=1,
    ),
    m(
        "a volume moved", seeds(make("/lab/x"), mount("--move", "/data", "/lab/x")),
        inside("/lab/x"), flags=VOLUME, status=1,
    ),
    m("a volume bound elsewhere", mount("--bind", "/data", "/lab"), inside("/lab"), flags=VOLUME),
    m("a second proc", mount("-t", "proc", "proc", "/proc"), inside("/proc")),
    m("a proc elsewhere", mount("-t", "proc", "proc", "/lab"), inside("/lab")),
    m("a tmpfs on dev", mount("-t", "tmpfs", "t", "/dev"), inside("/dev"), status=1),
    m("a tmpfs on etc", mount("-t", "tmpfs", "t", "/etc"), inside("/etc")),
    m(
        "a tmpfs on the programs", mount("-t", "tmpfs", "t", "/bin"),
        inside("/bin"),
    ),
    m(
        "a bind over the init program", mount("--bind", FILE, "/sbin/docker-init"),
        inside("/sbin/docker-init"), flags=("--init",), engines=DOCKER,
    ),
    m(
        "a bind over a bind of a file", mount("--bind", FILE, "/cfg"), inside("/cfg"),
        flags=("-v", "{files}/file:/cfg"),
    ),
    m(
        "a bind over a device", mount("--bind", FILE, "/dev/zero"), inside("/dev/zero"),
        status=1,
    ),
    m(
        "an unmount of the engine's hosts", unmount("/etc/hosts"),
        Finding("entries", "/etc/hosts", "engine-init-layer", "only-live", "mount point"),
        status=1, engines=DOCKER,
    ),
)  # fmt: skip
# Files: none takes the cause of the mount that it lies on.
WRITTEN = (
    m(
        "a line in hosts", append("/etc/hosts", "203.0.113.9 evil\n"),
        wrote("/etc/hosts", "only-live", "203.0.113.9 evil"), engines=DOCKER,
    ),
    m(
        "hosts with another localhost",
        replace("/etc/hosts", "127.0.0.1", "192.0.2.9"),
        wrote("/etc/hosts", "only-live", "192.0.2.9"), engines=DOCKER,
    ),
    m(
        "hosts emptied", write("/etc/hosts", ""),
        wrote("/etc/hosts", "only-live"), engines=DOCKER,
    ),
    m(
        "another hostname", write("/etc/hostname", "evil\n"),
        wrote("/etc/hostname", "only-live", "evil"), engines=DOCKER,
    ),
    m(
        "another resolver", write("/etc/resolv.conf", "nameserver 203.0.113.9\n"),
        wrote("/etc/resolv.conf", "only-live", "SHA-256"), engines=DOCKER,
    ),
    m(
        "the mode of hosts", lambda t: (t.root / "etc/hosts").chmod(0o666),
        Finding("entries", "/etc/hosts", "engine-mount", "only-live", "mode: predicted 0644"),
        status=1, engines=DOCKER,
    ),
    m(
        "the owner of hosts", lambda t: os.chown(t.root / "etc/hosts", 1000, -1),
        Finding("entries", "/etc/hosts", "engine-mount", "only-live", "uid: predicted"),
        status=1, engines=DOCKER,
    ),
    m(
        "a file on a tmpfs of the user's", write("/run/nginx.pid"),
        wrote("/run/nginx.pid", "only-live", "was empty"), flags=TMPFS,
    ),
    m(
        "a directory on a tmpfs of the user's", make("/run/made"), wrote("/run/made", "only-live"),
        flags=TMPFS,
    ),
    m(
        "a file in a volume", write("/data/new"),
        Finding("entries", "/data/new", "user-data", "only-live"), flags=VOLUME, status=0,
    ),
    m(
        "a copied file of a volume changed", write("/data/copied", "changed"),
        Finding("entries", "/data/copied", "user-data", "only-live", "sha256"), flags=VOLUME,
        status=0,
    ),
    m(
        "a file in a bind", write("/b/new"),
        Finding("entries", "/b/new", "user-data", "only-live"), flags=BIND, status=0,
    ),
    m(
        "a device on the root", lambda t: os.mknod(t.root / "x", 0o020666, os.makedev(1, 5)),
        wrote("/x", "only-live"), nodes=True,
    ),
    m(
        "a device on a tmpfs of the user's",
        lambda t: os.mknod(t.root / "run/x", 0o020666, os.makedev(1, 5)),
        wrote("/run/x", "only-live"), flags=TMPFS, nodes=True,
    ),
    m(
        "other numbers of a configured device", lambda t: node(t.root / "opt/zero", 1, 8),
        wrote("/opt/zero", "only-live", "predicted as runtime-device"),
        flags=("--device", "/dev/zero:/opt/zero"), nodes=True, status=1,
    ),
    m(
        "a configured device missing", lambda t: (t.root / "opt/zero").unlink(),
        Finding("entries", "/opt/zero", "runtime-device", "missing"),
        flags=("--device", "/dev/zero:/opt/zero"), nodes=True, status=1,
    ),
    m(
        "a file in the working directory", write("/work/dir/new"),
        wrote("/work/dir/new", "only-live"), flags=("-w", "/work/dir"), engines=DOCKER,
    ),
    m(
        "the mode of the working directory", lambda t: (t.root / "work/dir").chmod(0o777),
        Finding("entries", "/work/dir", "engine-create", "only-live", "mode: predicted 0755"),
        flags=("-w", "/work/dir"), engines=DOCKER, status=1,
    ),
    m(
        "a file in a mount point's directory", write("/deep/new"), wrote("/deep/new", "only-live"),
        flags=("--tmpfs", "/deep/er"),
    ),
    m(
        "the mode of a mount point's directory", lambda t: (t.root / "deep").chmod(0o777),
        Finding("entries", "/deep", "runtime-mountpoint", "only-live", "mode: predicted 0755"),
        flags=("--tmpfs", "/deep/er"), status=1,
    ),
    m("a directory in dev", make("/dev/made"), wrote("/dev/made", "only-live")),
    m("a file in dev", write("/dev/file"), wrote("/dev/file", "only-live"), nodes=True),
    m(
        "an owner of one of two names", lambda t: os.chown(t.root / "lab/one", 12, -1),
        wrote("/lab/one", "altered", "uid"),
        Finding("entries", "/lab/two", "image-layer|written-later", "altered"),
    ),
    m(
        "a directory made again",
        seeds(lambda t: shutil.rmtree(t.root / "lab"), make("/lab")),
        Finding("ghosts", FILE, "written-later", "deleted"),
    ),
)  # fmt: skip
# A hook of somebody else's explains what its own arguments name, and nothing by its presence.
HOOKS = (
    m(
        "a foreign hook and a mount",
        seeds(hook("/usr/bin/foreign", "configure"), mount("-t", "tmpfs", "t", "/lab")),
        inside("/lab"), config=True,
    ),
    m(
        "a foreign hook and a mount below another path",
        seeds(hook("/usr/bin/foreign", "--at=/la"), mount("-t", "tmpfs", "t", "/lab")),
        inside("/lab"), config=True,
    ),
    m(
        "a foreign hook and a mask gone",
        seeds(hook("/usr/bin/foreign", "configure"), unmount("/proc/acpi")),
        Finding("entries", "/proc/acpi", "runtime-mask", "missing"), config=True, status=1,
    ),
    m("a foreign hook", hook("/usr/bin/foreign", "configure"), config=True, status=0),
)  # fmt: skip
EARLY = (
    m(
        "a file in the init layer", lambda t: (t.root / "planted").write_text("x"),
        Finding("entries", "/planted", "engine-init-layer|written-later", "only-live"),
        early=True, engines=DOCKER, status=1, one_directory=3,
    ),
    m(
        "another .dockerenv in the init layer",
        lambda t: (t.root / ".dockerenv").write_text("x"),
        Finding("entries", "/.dockerenv", "engine-init-layer", "only-live", "size: predicted 0"),
        early=True, engines=DOCKER, status=1,
    ),
    m(
        "another mtab in the init layer", lambda t: link(t.root / "etc/mtab", "/lab/file"),
        Finding("entries", "/etc/mtab", "engine-init-layer", "only-live", "target: predicted"),
        early=True, engines=DOCKER, status=1,
    ),
)  # fmt: skip
MUTATIONS = (*RUNNING, *MOUNTED, *WRITTEN, *HOOKS, *EARLY)
