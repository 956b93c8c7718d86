"""Hold one process, so that nothing that is read about it can be about another process.

Every file of ``/proc/PID`` is opened below one descriptor of that directory. The kernel ties it to
the process, not to the number: after a reuse of the PID, reading fails with ESRCH. Sources: Linux
``fs/proc/base.c``; proc_pid_stat(5), pidfd_open(2).
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from scratchlab import idmap, mountinfo
from scratchlab.collect.live.file_status import status_of
from scratchlab.collect.namespace_root import is_chrooted, namespace_entered
from scratchlab.errors import LabError
from scratchlab.model import Mount
from scratchlab.procfs import KERNEL_THREAD, ProcessStat, parse_stat

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is held: its descriptors stay open as long as the ``with`` block lasts.

    ``start_time`` is in clock ticks after boot (field 22 of /proc/PID/stat); ``uid_map`` holds
    (inside, outside, count), outside as this program sees them; ``root_fd`` is an O_PATH descriptor
    of the process's root directory; ``mounts`` are those that the process sees, targets relative
    to that root; ``root_mount`` is the id of the mount that the root lies on. ``chroot`` is the
    process's own root directory where that is another one than the root of its mount namespace,
    which then is the one that was opened; otherwise empty.
    """

    pid: int
    pidfd: int
    proc_fd: int
    start_time: int
    namespaces: Mapping[str, str]
    uid_map: idmap.IdRanges
    root_fd: int
    root_mount: int
    mounts: tuple[Mount, ...]
    chroot: str = ""

    def recheck(self, may_change: Callable[[str], bool] | None = None) -> None:
        """Check that the process still runs and still has what was read.

        Raises LabError if it ended, or if its mount namespace, its root or its mounts changed, but
        for those at targets that ``may_change``.
        """
        with _refused(self.pid):
            self._recheck(may_change)

    def _recheck(self, may_change: Callable[[str], bool] | None) -> None:
        again = "run it again"
        if select.select([self.pidfd], [], [], 0)[0]:
            raise LabError(f"process {self.pid} ended while it was read", again)
        now = _stat(self.proc_fd, self.pid)
        if now.start_time != self.start_time:
            raise LabError(f"process {self.pid} was replaced while it was read", again)
        if _namespaces(self.proc_fd).get("mnt") != self.namespaces.get("mnt"):
            raise LabError(f"process {self.pid} moved to another mount namespace", again)
        root_fd, mounts = _root_and_mounts(self.proc_fd, at_namespace_root=self.chroot)
        try:
            if status_of(root_fd).identity != status_of(self.root_fd).identity:
                raise LabError(f"process {self.pid} changed its root directory", again)
        finally:
            os.close(root_fd)
        if changed := mountinfo.changes(self.mounts, mounts, may_change):
            raise LabError(
                f"the mounts of process {self.pid} changed while it was read: {'; '.join(changed)}",
                again,
            )


@contextmanager
def hold_process(pid: int, *, at_namespace_root: bool = False) -> Iterator[Process]:
    """Hold process ``pid`` during the block, and read what decides what it can see.

    ``at_namespace_root``: of a process that was chrooted in a mount namespace of its own, hold the
    root of that namespace instead.

    A caller that got ``pid`` from an engine must ask the engine again once the process is held:
    the number may have been reused before. Raises LabError if there is no such process, if it is a
    kernel thread or a zombie (neither has a root to read), or if the permission is missing.
    """
    with ExitStack() as stack:
        with _refused(pid):
            process = _held(pid, stack, at_namespace_root=at_namespace_root)
        yield process


def _held(pid: int, stack: ExitStack, *, at_namespace_root: bool) -> Process:
    proc_fd = os.open(f"/proc/{pid:d}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, proc_fd)
    pidfd = os.pidfd_open(pid)
    stack.callback(os.close, pidfd)
    # Read below proc_fd after pidfd_open: if it can be read, both are the same process.
    stat = _stat(proc_fd, pid)
    namespaces = _namespaces(proc_fd)
    chroot = _chroot(proc_fd, namespaces) if at_namespace_root else ""
    root_fd, mounts = _root_and_mounts(proc_fd, at_namespace_root=chroot)
    stack.callback(os.close, root_fd)
    return Process(
        pid=pid,
        pidfd=pidfd,
        proc_fd=proc_fd,
        start_time=stat.start_time,
        namespaces=namespaces,
        uid_map=_uid_map(proc_fd, namespaces),
        root_fd=root_fd,
        root_mount=status_of(root_fd).mount,
        mounts=mounts,
        chroot=chroot,
    )


@contextmanager
def _refused(pid: int) -> Iterator[None]:
    """Tell every error of the system while ``pid`` is read as what it means for that process."""
    try:
        yield
    except OSError as error:
        raise _refusal(pid, error) from error


def _stat(proc_fd: int, pid: int) -> ProcessStat:
    stat = parse_stat(_read(proc_fd, "stat"))
    if stat.ended:
        raise LabError(f"process {pid} has ended (a zombie)", "start the container again")
    if stat.flags & KERNEL_THREAD:
        raise LabError(f"process {pid} is a kernel thread, not a container's process")
    return stat


def _namespaces(proc_fd: int) -> dict[str, str]:
    directory = os.open("ns", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc_fd)
    try:
        return {name: os.readlink(name, dir_fd=directory) for name in sorted(os.listdir(directory))}
    finally:
        os.close(directory)


def _uid_map(proc_fd: int, namespaces: Mapping[str, str]) -> idmap.IdRanges:
    """The ids of the process, and those by which this program sees them.

    In the same user namespace they are the same, also where that is not the initial one: there the
    kernel shows how the namespace above maps them (Linux kernel/user_namespace.c uid_m_show()).
    """
    ranges = idmap.parse(_read(proc_fd, "uid_map"))
    if namespaces.get("user") == os.readlink("/proc/self/ns/user"):
        return tuple((inside, inside, count) for inside, _, count in ranges)
    return ranges


def _chroot(proc_fd: int, namespaces: Mapping[str, str]) -> str:
    """The process's root directory within its own mount namespace; empty where it is its root."""
    if namespaces.get("mnt") == os.readlink("/proc/self/ns/mnt"):
        return ""
    root_fd = _open_root(proc_fd)
    try:
        return os.readlink("root", dir_fd=proc_fd) if is_chrooted(root_fd) else ""
    finally:
        os.close(root_fd)


def _root_and_mounts(proc_fd: int, *, at_namespace_root: str) -> tuple[int, tuple[Mount, ...]]:
    """The process's root and mounts; those of its mount namespace where ``at_namespace_root``."""
    if at_namespace_root:
        with namespace_entered(proc_fd) as entered:
            mounts = mountinfo.parse(_read(entered, "mountinfo"))
            return _open_root(entered), mounts
    root_fd = _open_root(proc_fd)
    try:
        return root_fd, _mounts(proc_fd, root_fd)
    except BaseException:
        os.close(root_fd)
        raise


def _open_root(proc_fd: int) -> int:
    # "root" is a magic link: following it opens the directory itself, whatever its text is.
    return os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc_fd)


def _mounts(proc_fd: int, root_fd: int) -> tuple[Mount, ...]:
    mounts = mountinfo.parse(_read(proc_fd, "mountinfo"))
    root = status_of(root_fd).mount
    if any(mount.id == root for mount in mounts):
        return mounts
    # If the process was chrooted into a directory that is not a mountpoint, show_mountinfo() leaves
    # out the mount that the directory lies on. A process at the root of its mount namespace sees
    # it: this process, where both have the same namespace.
    if os.readlink("ns/mnt", dir_fd=proc_fd) == os.readlink("/proc/self/ns/mnt"):
        every = mountinfo.parse(_read_file("/proc/thread-self/mountinfo"))
    else:
        with namespace_entered(proc_fd) as entered:
            every = mountinfo.parse(_read(entered, "mountinfo"))
    for mount in every:
        if mount.id == root:
            inside = os.path.relpath(os.readlink("root", dir_fd=proc_fd), mount.target)
            below = os.path.normpath(os.path.join(mount.root, inside))
            return (replace(mount, root=below, target="/"), *mounts)
    return mounts


def _read(proc_fd: int, name: str) -> bytes:
    return _read_file(name, dir_fd=proc_fd)


def _read_file(path: str, dir_fd: int | None = None) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        return b"".join(iter(lambda: os.read(fd, _CHUNK), b""))
    finally:
        os.close(fd)


def _refusal(pid: int, error: OSError) -> LabError:
    if error.errno in (errno.EACCES, errno.EPERM):
        remedy = (
            "run it as root, with sudo"
            if os.geteuid()
            # ptrace(2), "Ptrace access mode checking": the reader needs every capability of it.
            else "root is not enough: the process has capabilities that this shell lacks"
        )
        return LabError(f"no permission to read process {pid}", remedy)
    if error.errno in (errno.ENOENT, errno.ESRCH, errno.EINVAL, errno.ENOTDIR):
        return LabError(f"there is no process {pid}", "list the running ones: docker ps")
    return LabError(f"process {pid} cannot be read: {error.strerror}")
