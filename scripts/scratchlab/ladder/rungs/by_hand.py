"""By hand: chroot and unshare, without and with the filesystems that a runtime would mount."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

from scratchlab.errors import LabError
from scratchlab.judge.rules.spec import LIBCONTAINER_FILESYSTEMS
from scratchlab.ladder import workspace
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import Workspace

_UNSHARE = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"]
_WAIT = 5.0  # seconds until the program runs, or has ended
# What LIBCONTAINER_FILESYSTEMS does not say: libcontainer/SPEC.md's table of filesystems, column
# "Data".
_DATA = {
    "/dev": "mode=755",
    "/dev/shm": "mode=1777,size=65536k",  # noqa: S108 - the container's
    "/dev/pts": "newinstance,ptmxmode=0666,mode=0620,gid=5",
}


class Chroot:
    """The image's files and a process: what is there before anyone adds anything."""

    id = "chroot"
    title = "chroot + unshare"
    tool = "unshare"
    package = "util-linux"

    def missing(self) -> str:
        """Empty where util-linux and coreutils are."""
        absent = [name for name in ("unshare", "chroot") if workspace.find_program(name) is None]
        return f"not here: install {self.package} ({', '.join(absent)})" if absent else ""

    def version(self) -> str:
        """util-linux's."""
        found = re.search(r"\d[\w.]*", workspace.run_program(["unshare", "--version"]))
        return found[0] if found else ""

    def up(self, shop: Workspace) -> Started:
        """Start the image's program in a copy of the root."""
        root = shop.copy(self.id)
        pid = _start(["chroot", root, *shop.argv], root, shop.env)
        typed = shlex.join([*_UNSHARE, "chroot", "ROOT", *shop.argv])
        return Started(pid, typed)

    def down(self, directory: str) -> None:
        """End every process whose root is this rung's."""
        _end(os.path.join(directory, self.id, "rootfs"))


class ChrootWithMounts(Chroot):
    """The same with six filesystems mounted and nothing else: what more is there, is the kernel's.

    The directories to mount on are made by hand, as a runtime would.
    """

    id = "mounts"
    title = "+ six mounts"
    tool = "mount"

    def missing(self) -> str:
        """Empty where mount is, too."""
        absent = "" if workspace.find_program("mount") else "not here: install mount"
        return super().missing() or absent

    def up(self, shop: Workspace) -> Started:
        """Mount what libcontainer's SPEC.md requires below a copy of the root, and start."""
        root = shop.copy(self.id)
        lines = list(_mounts(root))
        script = "set -e; " + "; ".join(lines) + '; exec chroot "$@"'
        pid = _start(["sh", "-c", script, "sh", root, *shop.argv], root, shop.env)
        typed = "; ".join([*_mounts("ROOT"), shlex.join(["exec", "chroot", "ROOT", *shop.argv])])
        return Started(
            pid,
            f"{shlex.join(_UNSHARE)} sh -c '{typed}'",
            by_hand=tuple(path for path, _, _ in LIBCONTAINER_FILESYSTEMS),
        )


def _mounts(root: str) -> Iterator[str]:
    for path, fstype, flags in LIBCONTAINER_FILESYSTEMS:
        options = [*flags, *([_DATA[path]] if path in _DATA else ())]
        where = shlex.quote(root + path)
        yield f"mkdir -p {where}"
        yield f"mount -t {fstype} -o {','.join(options)} {fstype} {where}"


def _start(argv: list[str], root: str, env: tuple[str, ...]) -> int:
    """Start ``argv`` in namespaces of its own; gives the PID of the program, once it runs."""
    with open(os.path.join(os.path.dirname(root), "stderr"), "w+b") as errors:
        child = subprocess.Popen(
            [*_UNSHARE, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={"PATH": os.environ.get("PATH", os.defpath), **dict(_pairs(env))},
            start_new_session=True,
        )
        until = time.monotonic() + _WAIT
        while time.monotonic() < until:
            for pid in _rooted(root):
                with suppress(OSError):
                    if os.readlink(f"/proc/{pid}/exe").startswith(root + "/"):
                        return pid
            if child.poll() is not None:
                break
            time.sleep(0.005)
        errors.seek(0)
        said = workspace.last_line(errors.read())
    _end(root)
    raise workspace.RefusedError(f"unshare answers: {said or 'the program ended at once'}")


def _pairs(env: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for one in env:
        name, equals, value = one.partition("=")
        if equals and name != "PATH":  # chroot itself is found on the host's PATH
            yield name, value


def _rooted(root: str) -> Iterator[int]:
    """The processes whose root is that very directory ``root``, not one of that name.

    A container with a lab of its own has a directory of the same name, and we see its processes.
    """
    for name in os.listdir("/proc"):
        if name.isdecimal() and _is_rooted(int(name), root):
            yield int(name)


def _is_rooted(pid: int, root: str) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/root"), os.stat(root))
    except OSError:
        return False


def _end(root: str) -> None:
    """Kill every process whose root is ``root``; with a PID namespace's first one all go."""
    for pid in list(_rooted(root)):
        with suppress(OSError):
            fd = os.pidfd_open(pid)
            try:
                # Looked at again once held: the number may be somebody else's by now.
                if _is_rooted(pid, root):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                    select.select([fd], [], [], _WAIT)
            finally:
                os.close(fd)
    if any(_rooted(root)):
        raise LabError(f"a process in {root} cannot be ended", "ps -e shows it")
