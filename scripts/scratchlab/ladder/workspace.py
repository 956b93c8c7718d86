"""The private directory in which the ladder builds root filesystems, and the programs it runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from scratchlab import mountinfo
from scratchlab.deadlines import Deadline, LateError, allowed
from scratchlab.errors import LabError

# Not below /run or /tmp, which may be mounted noexec. `./lab destroy` removes the directory above.
DIRECTORY = "/var/cache/scratchlab/ladder"
NAME = "scratchlab-ladder"  # of containers, namespaces and control groups; some add a suffix
_PROGRAM_SECONDS = 30.0  # time limit for one program
_LOCK_SECONDS = 60.0  # to wait for another ladder on this machine


class RefusedError(LabError):
    """A program could not be run, or ended with an exit status other than 0."""


def run_program(argv: Sequence[str], *, cwd: str | None = None) -> str:
    """Run ``argv`` and return what it prints on standard output.

    Raises RefusedError with the last line of its standard error, and LateError if it does not end
    in time (``deadlines``). The output goes to files: a process that it leaves behind would hold a
    pipe open.
    """
    limit = allowed(_PROGRAM_SECONDS)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                argv,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LateError(f"{argv[0]} did not end", limit) from None
        except OSError as error:
            raise RefusedError(f"{argv[0]} cannot be run: {error.strerror}") from error
        out.seek(0)
        errors.seek(0)
        if done.returncode:
            reason = last_line(errors.read()) or f"exit status {done.returncode}"
            raise RefusedError(f"{argv[0]} failed: {reason}")
        return out.read().decode("utf-8", "replace")


def last_line(output: bytes) -> str:
    """The last line of an error output that names a cause (mount's hint at dmesg does not)."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line and "dmesg(1)" not in line), "")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The image to start, unpacked below ``directory``, with a subdirectory for each rung.

    ``argv``, ``env`` and ``cwd`` are those of the image's program.
    """

    directory: str
    argv: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"

    @property
    def archive(self) -> str:
        """The path of the image as ``docker save`` writes it."""
        return os.path.join(self.directory, "image.tar")

    @property
    def root(self) -> str:
        """The path of the unpacked root filesystem: to be copied, never to be started."""
        return os.path.join(self.directory, "root")

    def rung_directory(self, rung: str) -> str:
        """The path of a rung's own directory, which is made if it is missing."""
        path = os.path.join(self.directory, rung)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    def copy_root(self, rung: str) -> str:
        """Copy the root filesystem to ``rootfs`` in the rung's directory; return its path."""
        path = os.path.join(self.rung_directory(rung), "rootfs")
        # shutil.copytree would lose owners, hard links and extended attributes.
        run_program(["cp", "--archive", "--no-target-directory", self.root, path])
        return path


@contextmanager
def exclusive_directory(directory: str = DIRECTORY) -> Iterator[str]:
    """Make and lock ``directory``, yield its absolute path, remove it at the end.

    Raises LabError without root privileges, and if another process holds the lock for too long.
    What an interrupted run left in the directory is still there at first.
    """
    if os.geteuid():
        raise LabError("the ladder starts containers by hand", "run it as root, with sudo")
    directory = os.path.abspath(directory)
    made, fd = _make_and_lock(directory)
    try:
        try:
            yield directory
        finally:
            empty_directory(directory)
            for path in made:
                if os.path.isdir(path) and not os.listdir(path):
                    os.rmdir(path)
    finally:
        os.close(fd)


def _make_and_lock(directory: str) -> tuple[list[str], int]:
    """Wait for the lock; return the directories to remove at the end and the locked descriptor."""
    deadline = Deadline(_LOCK_SECONDS)
    while True:
        made = _make(directory)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if _lock(fd, directory):
            return made, fd
        os.close(fd)
        if deadline.passed():
            raise LabError(f"another ladder is using {directory}", "wait until it has ended")
        time.sleep(0.1)


def _lock(fd: int, directory: str) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    # The previous owner removed the directory; another process may have made a new one.
    return os.path.isdir(directory) and os.path.samestat(os.fstat(fd), os.stat(directory))


def _make(directory: str) -> list[str]:
    """Make ``directory``; return it and the parents that had to be made, innermost first."""
    parents = []
    path = os.path.dirname(directory)
    while not os.path.exists(path):
        parents.append(path)
        path = os.path.dirname(path)
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make {directory}: {error.strerror}") from error
    return [directory, *parents]


def empty_directory(directory: str) -> None:
    """Unmount and remove everything below ``directory``."""
    with open("/proc/self/mountinfo", "rb") as lines:
        mounts = mountinfo.parse(lines.read())
    for mount in reversed(mounts):
        if mount.target.startswith(directory + "/"):
            subprocess.run(["umount", "--lazy", mount.target], capture_output=True, check=False)
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
