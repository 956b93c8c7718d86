"""Programs of the machine, run with a time limit, their refusals in one line."""

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
from scratchlab.errors import LabError

SECONDS = 30.0


class RefusedError(LabError):
    """A program of the machine ended with a status that is not 0."""


def find_program(program: str) -> str | None:
    """The program's path, None where it is not installed."""
    return shutil.which(program)


def run_program(argv: Sequence[str], *, cwd: str | None = None, seconds: float = SECONDS) -> str:
    """What ``argv`` prints. Raises RefusedError with its last line, and LabError after ``seconds``.

    Its output goes to files, not pipes: what it leaves running would hold a pipe open.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                argv,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{argv[0]} did not end within {seconds:g} s") from None
        except OSError as error:
            raise RefusedError(f"{argv[0]} cannot be run: {error.strerror}") from error
        out.seek(0)
        errors.seek(0)
        said = out.read().decode("utf-8", "replace")
        if done.returncode:
            raise RefusedError(f"{argv[0]} answers: {last_line(errors.read()) or done.returncode}")
    return said


def last_line(output: bytes) -> str:
    """The last line of a program's complaint that says anything (mount's hint does not)."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line and "dmesg(1)" not in line), "")


# The private directory in which roots are built, one user at a time, and nothing left in the end.


# Not below /run or /tmp, which may be mounted noexec. `./lab destroy` knows the upper directory.
DIRECTORY = "/var/cache/scratchlab/ladder"
_WAIT = 60.0  # seconds that another ladder on this machine may take
NAME = "scratchlab-ladder"  # of containers, namespaces and control groups, with a suffix


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a rung finds its root, and may keep its own things.

    ``archive`` is the image as its engine saved it, ``root`` its root filesystem, unpacked;
    ``argv``, ``env`` and ``cwd`` are those of the image's program.
    """

    directory: str
    argv: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"

    @property
    def archive(self) -> str:
        """The image, as ``docker save`` writes it."""
        return os.path.join(self.directory, "image.tar")

    @property
    def root(self) -> str:
        """The pristine root filesystem: to copy, never to start."""
        return os.path.join(self.directory, "root")

    def room(self, rung: str) -> str:
        """The directory of a rung; made if need be."""
        path = os.path.join(self.directory, rung)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    def copy(self, rung: str, name: str = "rootfs") -> str:
        """A copy of the root for ``rung``: its path."""
        path = os.path.join(self.room(rung), name)
        # Not shutil: it keeps neither owners nor hard links nor extended attributes.
        run_program(["cp", "--archive", "--no-target-directory", self.root, path])
        return path


@contextmanager
def open_workspace(directory: str = DIRECTORY) -> Iterator[str]:
    """The directory, empty, and ours alone until the block ends; then it is gone.

    Raises LabError without root's rights, and when somebody else is at it for too long.
    """
    if os.geteuid():
        raise LabError("the ladder starts containers by hand", "run it as root, with sudo")
    directory = os.path.abspath(directory)
    made, fd = _ours(directory)
    try:
        try:
            yield directory
        finally:
            empty_workspace(directory)
            for path in made:
                if os.path.isdir(path) and not os.listdir(path):
                    os.rmdir(path)
    finally:
        os.close(fd)


def _ours(directory: str) -> tuple[list[str], int]:
    """Wait for the directory: what to remove in the end, and the descriptor that locks it."""
    until = time.monotonic() + _WAIT
    while True:
        made = _made(directory)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if _locked(fd, directory):
            return made, fd
        os.close(fd)
        if time.monotonic() > until:
            what = f"another ladder is being climbed in {directory}"
            raise LabError(what, "wait until it has ended")
        time.sleep(0.1)


def _locked(fd: int, directory: str) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    # Whoever had it before us removed it, and another may have made it again.
    return os.path.isdir(directory) and os.path.samestat(os.fstat(fd), os.stat(directory))


def _made(directory: str) -> list[str]:
    """Make ``directory``; returns what to remove in the end: itself, then parents made for it."""
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


def empty_workspace(directory: str) -> None:
    """Remove everything below ``directory``, what is mounted there first taken away."""
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
