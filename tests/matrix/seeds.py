"""Faults seeded from outside into a running container, as data, with the findings that a report
must then have. Standard library only: this runs on the hosts of the matrix.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DOCKER, PODMAN = frozenset({"docker"}), frozenset({"podman"})
FILE, LINK = "/lab/file", "/lab/link"
VOLUME, BIND, TMPFS = ("-v", "/data"), ("-v", "{files}:/b"), ("--tmpfs", "/run")


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
    0 where it is the user's own affair. Where the root is one directory (native, btrfs), and on
    FUSE, it may end with ``one_directory``: what was written is then known by elimination.
    ``flags`` are those of the container; {files} is a directory. An ``early`` one is made between
    create and start, in the engine's own directories; an ``initial`` one needs the initial user
    namespace: in another, nodes and owners in /dev are the host's; a ``config`` one edits the
    runtime's config.json.
    """

    name: str
    seed: Callable[[Target], object]
    findings: tuple[Finding, ...]
    status: int = 3
    one_directory: int | None = None
    flags: tuple[str, ...] = ()
    early: bool = False
    initial: bool = False
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


def attribute(path: str) -> Callable[[Target], object]:
    """A seed that sets an extended attribute, of a link itself."""
    return lambda t: os.setxattr(f"{t.root}{path}", "trusted.seeded", b"1", follow_symlinks=False)


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


def device(path: str, major: int, minor: int) -> Callable[[Target], object]:
    """A seed that makes a device node and lists it in config.json, as if it were asked for."""

    def seed(target: Target) -> None:
        os.mknod(target.root / path[1:], 0o020666, os.makedev(major, minor))
        config = json.loads(target.config.read_text())
        listed = {"path": path, "type": "c", "major": major, "minor": minor, "fileMode": 0o666}
        config["linux"].setdefault("devices", []).append(listed)
        target.config.write_text(json.dumps(config))

    return seed


def inside(path: str, text: str = "") -> Finding:
    """The finding that a mount was made in the running container."""
    return Finding("entries", path, "mounted-inside", "only-live", text)
