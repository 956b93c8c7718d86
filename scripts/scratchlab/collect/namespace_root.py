"""The root of a process's mount namespace, where the process itself was chrooted away from it.

``/proc/PID/root`` and ``/proc/PID/mountinfo`` show a chrooted process's own root (Linux fs/proc);
`docker exec` enters the namespace's. A child of this program enters the namespace by setns(2), runs
nothing there and waits: its own ``/proc`` files show the namespace's root. ``os.setns`` came with
Python 3.12, so the C library's function is called.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from scratchlab.collect.live.file_status import status_of
from scratchlab.errors import LabError

_CLONE_NEWNS = 0x00020000  # include/uapi/linux/sched.h


def is_chrooted(root_fd: int) -> bool:
    """Whether the directory ``root_fd`` is not the root of its mount namespace.

    There, and only there, ``..`` leads to itself for a process with another root.
    """
    # In here: other systems have no O_PATH, and import this module all the same.
    upwards = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    above = os.open("..", upwards, dir_fd=root_fd)
    try:
        here, there = status_of(root_fd), status_of(above)
        return (here.identity, here.mount) != (there.identity, there.mount)
    finally:
        os.close(above)


@contextmanager
def namespace_entered(proc_fd: int) -> Iterator[int]:
    """A descriptor of the ``/proc`` directory of a process whose root is the root of the mount
    namespace of the process behind ``proc_fd``. Raises LabError where that cannot be entered.
    """
    namespace = os.open("ns/mnt", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc_fd)
    setns = ctypes.CDLL(None, use_errno=True).setns
    ready, report = os.pipe()
    wait, release = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(release)
            entered = setns(namespace, _CLONE_NEWNS) == 0
            os.write(report, b"1" if entered else b"0")
            os.read(wait, 1)
        finally:
            os._exit(0)
    for fd in (namespace, report, wait):
        os.close(fd)
    try:
        if os.read(ready, 1) != b"1":
            raise LabError(
                "the mount namespace of the container's process cannot be entered",
                "run it as root with all capabilities, or use --vantage debug",
            )
        directory = os.open(f"/proc/{child}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield directory
        finally:
            os.close(directory)
    finally:
        os.close(ready)
        os.close(release)
        os.waitpid(child, 0)
