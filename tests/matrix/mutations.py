"""Faults seeded from outside into a running container, as data, with the findings that a report
must then have. Standard library only: this runs on the hosts of the matrix.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """The root to damage: of the container as the host sees it, or of the engine's init layer
    before the start; and the PID of its first process, 0 before the start.
    """

    root: Path
    pid: int = 0


@dataclass(frozen=True)
class Finding:
    """An expected finding of the report. ``where`` is ``entries``, ``mounts`` or ``ghosts``;
    ``origin`` and ``status`` (a ghost's kind) are exact; ``text`` is part of the prediction
    or of a difference.
    """

    where: str
    path: str
    origin: str
    status: str = ""
    text: str = ""


@dataclass(frozen=True)
class Mutation:
    """One fault: ``seed`` makes it, ``findings`` must report it. An ``early`` one is made between
    create and start, in the engine's own directories; a ``nodes`` one needs the container's own
    device nodes, which no user namespace has (there they are the host's).
    """

    name: str
    seed: Callable[[Target], object]
    findings: tuple[Finding, ...]
    early: bool = False
    nodes: bool = False
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


DOCKER = frozenset({"docker"})
FILE, LINK = "/lab/file", "/lab/link"

RUNNING = (
    m("an extra file", lambda t: (t.root / "extra").write_text("x"), wrote("/extra", "only-live")),
    m("an extra directory", lambda t: (t.root / "lab/new").mkdir(), wrote("/lab/new", "only-live")),
    m("an extra link", lambda t: (t.root / "new").symlink_to("lab"), wrote("/new", "only-live")),
    m("an extra FIFO", lambda t: os.mkfifo(t.root / "pipe"), wrote("/pipe", "only-live")),
    m(
        "one byte, size and time kept", lambda t: rewrite(t.root / "lab/file", flip),
        wrote(FILE, "altered", "sha256"),
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
        wrote("/dev/null", "only-live", "predicted as runtime-device"), nodes=True,
    ),
    m(
        "a device's mode", lambda t: (t.root / "dev/zero").chmod(0o600),
        Finding("entries", "/dev/zero", "runtime-device", "only-live", "mode: predicted 0666"),
        nodes=True,
    ),
    m(
        "an extra device", lambda t: os.mknod(t.root / "dev/disk", 0o060600, os.makedev(7, 0)),
        wrote("/dev/disk", "only-live"), nodes=True,
    ),
    m(
        "a device missing", lambda t: (t.root / "dev/random").unlink(),
        Finding("entries", "/dev/random", "runtime-device", "missing"),
    ),
    m(
        "a link of the runtime's retargeted", lambda t: link(t.root / "dev/fd", "/tmp"),
        wrote("/dev/fd", "only-live", "predicted as runtime-device"),
    ),
    m(
        "a file in /dev/shm", lambda t: file(t.root / "dev/shm/left"),
        wrote("/dev/shm/left", "only-live"), engines=DOCKER,
    ),
    m(
        "a bind over a file", lambda t: busybox(t.pid, "mount", "--bind", LINK, FILE),
        Finding("entries", FILE, "unexplained", "only-live"),
        Finding("ghosts", FILE, "unexplained", "overridden"),
    ),
    m(
        "a bind over the engine's file",
        lambda t: busybox(t.pid, "mount", "--bind", FILE, "/etc/hosts"),
        Finding("entries", "/etc/hosts", "unexplained", "only-live", "another mount is there"),
    ),
    m(
        "a tmpfs over a directory", lambda t: busybox(t.pid, "mount", "-t", "tmpfs", "x", "/lab"),
        Finding("entries", "/lab", "unexplained", "only-live"),
        Finding("ghosts", FILE, "unexplained", "shadowed"),
    ),
    m(
        "a second /dev/shm", lambda t: busybox(t.pid, "mount", "-t", "tmpfs", "x", "/dev/shm"),
        Finding("entries", "/dev/shm", "unexplained", "only-live"),
    ),
    m(
        "a bind inside /proc", lambda t: busybox(t.pid, "mount", "--bind", FILE, "/proc/cpuinfo"),
        Finding("mounts", "/proc/cpuinfo", "unexplained"),
    ),
    m(
        "a mount with other options",
        lambda t: busybox(t.pid, "mount", "-o", "remount,bind,rw,nosuid", "pts", "/dev/pts"),
        Finding("entries", "/dev/pts", "runtime-filesystem", "only-live", "noexec"),
    ),
    m(
        "a read-only path made writable", lambda t: busybox(t.pid, "umount", "/proc/sys"),
        Finding("entries", "/proc/sys", "runtime-mask", "missing"),
    ),
    m(
        "a filesystem gone", lambda t: busybox(t.pid, "umount", "/dev/mqueue"),
        Finding(
            "entries", "/dev/mqueue", "runtime-mountpoint", "only-live", "predicted a mount point"
        ),
    ),
    m(
        "a forged .dockerenv", lambda t: (t.root / ".dockerenv").write_text("forged"),
        wrote("/.dockerenv", "only-live"),
    ),
    m(
        "the mode of the engine's directory", lambda t: (t.root / "etc").chmod(0o777),
        wrote("/etc", "only-live", "predicted as engine-init-layer"), engines=DOCKER,
    ),
    m(
        "mtab retargeted", lambda t: link(t.root / "etc/mtab", "/lab/file"),
        wrote("/etc/mtab", "only-live", "predicted as"),
    ),
)  # fmt: skip
EARLY = (
    m(
        "a file in the init layer", lambda t: (t.root / "planted").write_text("x"),
        Finding("entries", "/planted", "engine-init-layer", "only-live", "not predicted"),
        early=True, engines=DOCKER,
    ),
    m(
        "another .dockerenv in the init layer",
        lambda t: (t.root / ".dockerenv").write_text("x"),
        Finding("entries", "/.dockerenv", "engine-init-layer", "only-live", "size: predicted 0"),
        early=True, engines=DOCKER,
    ),
    m(
        "another mtab in the init layer", lambda t: link(t.root / "etc/mtab", "/lab/file"),
        Finding("entries", "/etc/mtab", "engine-init-layer", "only-live", "target: predicted"),
        early=True, engines=DOCKER,
    ),
)  # fmt: skip
MUTATIONS = (*RUNNING, *EARLY)
