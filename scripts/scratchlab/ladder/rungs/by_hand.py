"""Root filesystems started by hand: chroot and unshare, with and without a runtime's mounts."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

from scratchlab.deadlines import Deadline, allowed
from scratchlab.errors import LabError
from scratchlab.judge.rules.spec import LIBCONTAINER_FILESYSTEMS
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import RefusedError, Workspace, last_line, run_program

_UNSHARE = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"]
_WAIT = 5.0  # seconds for the program to start or to end
# The column "Data" of libcontainer/SPEC.md's table of filesystems, which LIBCONTAINER_FILESYSTEMS
# leaves out.
_DATA = {
    "/dev": "mode=755",
    "/dev/shm": "mode=1777,size=65536k",  # noqa: S108 - a path in the container
    "/dev/pts": "newinstance,ptmxmode=0666,mode=0620,gid=5",
}


class Chroot:
    """The image's files and a process: the root before any tool adds to it."""

    id = "chroot"
    title = "chroot + unshare"
    tool = "unshare"
    package = "util-linux"

    def missing(self) -> str:
        """Empty if util-linux and coreutils are installed."""
        absent = [name for name in ("unshare", "chroot") if shutil.which(name) is None]
        return f"not installed: install {self.package} ({', '.join(absent)})" if absent else ""

    def version(self) -> str:
        """The version of util-linux."""
        version = re.search(r"\d[\w.]*", run_program(["unshare", "--version"]))
        return version[0] if version else ""

    def up(self, workspace: Workspace) -> Started:
        """Start the image's program in a copy of the root."""
        root = workspace.copy_root(self.id)
        pid = _start(["chroot", root, *workspace.argv], root, workspace.env)
        typed = shlex.join([*_UNSHARE, "chroot", "ROOT", *workspace.argv])
        return Started(pid, typed)

    def down(self, directory: str) -> None:
        """Kill every process whose root is this rung's directory."""
        _kill_processes(os.path.join(directory, self.id, "rootfs"))


class ChrootWithMounts(Chroot):
    """The same with six filesystems mounted: every further entry was made by the kernel.

    scratchlab makes the directories to mount on, as a runtime would.
    """

    id = "mounts"
    title = "+ six mounts"
    tool = "mount"

    def missing(self) -> str:
        """Empty if mount is installed as well."""
        absent = "" if shutil.which("mount") else "not installed: install mount"
        return super().missing() or absent

    def up(self, workspace: Workspace) -> Started:
        """Mount the filesystems of libcontainer's SPEC.md below a copy of the root, and start."""
        root = workspace.copy_root(self.id)
        lines = list(_mount_commands(root))
        script = "set -e; " + "; ".join(lines) + '; exec chroot "$@"'
        pid = _start(["sh", "-c", script, "sh", root, *workspace.argv], root, workspace.env)
        start = shlex.join(["exec", "chroot", "ROOT", *workspace.argv])
        typed = "; ".join([*_mount_commands("ROOT"), start])
        return Started(
            pid,
            f"{shlex.join(_UNSHARE)} sh -c '{typed}'",
            by_hand=tuple(path for path, _, _ in LIBCONTAINER_FILESYSTEMS),
        )


def _mount_commands(root: str) -> Iterator[str]:
    for path, fstype, flags in LIBCONTAINER_FILESYSTEMS:
        options = [*flags, *([_DATA[path]] if path in _DATA else ())]
        where = shlex.quote(root + path)
        yield f"mkdir -p {where}"
        yield f"mount -t {fstype} -o {','.join(options)} {fstype} {where}"


def _start(argv: list[str], root: str, env: tuple[str, ...]) -> int:
    """Start ``argv`` in namespaces of its own; return the program's PID as soon as it runs.

    Raises RefusedError if the program does not run within ``_WAIT`` seconds.
    """
    with open(os.path.join(os.path.dirname(root), "stderr"), "w+b") as errors:
        child = subprocess.Popen(
            [*_UNSHARE, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={"PATH": os.environ.get("PATH", os.defpath), **dict(_variables(env))},
            start_new_session=True,
        )
        deadline = Deadline(_WAIT)
        while not deadline.passed():
            for pid in _rooted(root):
                with suppress(OSError):
                    if os.readlink(f"/proc/{pid}/exe").startswith(root + "/"):
                        return pid
            if child.poll() is not None:
                break
            time.sleep(0.005)
        errors.seek(0)
        message = last_line(errors.read())
    _kill_processes(root)
    raise RefusedError(f"unshare failed: {message or 'the program ended at once'}")


def _variables(env: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for variable in env:
        name, equals, value = variable.partition("=")
        if equals and name != "PATH":  # the host's PATH finds chroot itself
            yield name, value


def _rooted(root: str) -> Iterator[int]:
    """The PIDs of the processes whose root is the directory ``root``, compared by inode.

    A name would not do: a container with a lab of its own has a directory of the same name, and its
    processes are visible here.
    """
    for name in os.listdir("/proc"):
        if name.isdecimal() and _is_rooted(int(name), root):
            yield int(name)


def _is_rooted(pid: int, root: str) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/root"), os.stat(root))
    except OSError:
        return False


def _kill_processes(root: str) -> None:
    """Kill every process whose root is ``root``. Raises LabError if one survives.

    A PID namespace ends with its first process.
    """
    for pid in list(_rooted(root)):
        with suppress(OSError):
            fd = os.pidfd_open(pid)
            try:
                # Checked again through the pidfd: the PID may have been reused.
                if _is_rooted(pid, root):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                    select.select([fd], [], [], allowed(_WAIT))
            finally:
                os.close(fd)
    if any(_rooted(root)):
        raise LabError(f"a process with the root {root} cannot be killed", "find it with ps -e")
