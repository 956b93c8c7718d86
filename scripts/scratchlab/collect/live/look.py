"""One look at an open descriptor: everything an entry needs, the mount included, in one call.

statx(2) tells the mount id since Linux 5.8 (STATX_MNT_ID); where the kernel, the C library or a
seccomp filter has none, ``/proc/self/fdinfo/FD`` tells it (``mnt_id``, Linux 3.15).
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import NamedTuple

_BASIC_STATS = 0x7FF
_MNT_ID = 0x1000
# By descriptor, without asking a server or setting off an automount (include/uapi/linux/fcntl.h).
_FLAGS = 0x1000 | 0x800 | 0x4000  # AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC
# include/uapi/linux/stat.h: mask, nlink, uid, gid, mode, ino, size, ctime, mtime, rdev, dev, mount
_STATX = struct.Struct("=I4x8x3IH2xQQ8x8x16x16xqI4xqI4x4IQ")
_SIZE = 256
_SECOND = 1_000_000_000


class Look(NamedTuple):
    """What stat(2) says of an object, and the id of the mount that it was reached through.

    Times are in nanoseconds since 1970.
    """

    mode: int
    uid: int
    gid: int
    size: int
    links: int
    inode: int
    device: tuple[int, int]
    special: tuple[int, int]
    mtime: int
    ctime: int
    mount: int

    @property
    def identity(self) -> tuple[int, tuple[int, int], int]:
        """Which object it is, and through which mount."""
        return self.mount, self.device, self.inode


def _library_call() -> ctypes._NamedFuncPointer | None:
    call = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
    if call is not None:
        call.argtypes = (
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_char_p,
        )
    return call


_statx = _library_call()


def look(fd: int) -> Look:
    """Look at the object that ``fd`` stands for (O_PATH will do). Raises OSError."""
    if _statx is not None:
        buffer = ctypes.create_string_buffer(_SIZE)
        if _statx(fd, b"", _FLAGS, _BASIC_STATS | _MNT_ID, buffer) == 0:
            found = _unpack(buffer)
            if found is not None:
                return found
    return look_by_fdinfo(fd)


def _unpack(buffer: ctypes.Array[ctypes.c_char]) -> Look | None:
    (
        mask, links, uid, gid, mode, inode, size, ctime, ctime_ns, mtime, mtime_ns,
        special_major, special_minor, major, minor, mount,
    ) = _STATX.unpack_from(buffer)  # fmt: skip
    if not mask & _MNT_ID:
        return None
    return Look(
        mode,
        uid,
        gid,
        size,
        links,
        inode,
        (major, minor),
        (special_major, special_minor),
        mtime * _SECOND + mtime_ns,
        ctime * _SECOND + ctime_ns,
        mount,
    )


def look_by_fdinfo(fd: int) -> Look:
    """The same, by fstat(2) and fdinfo: slower, for systems that lack statx(2) or its mount id."""
    seen = os.fstat(fd)
    return Look(
        mode=seen.st_mode,
        uid=seen.st_uid,
        gid=seen.st_gid,
        size=seen.st_size,
        links=seen.st_nlink,
        inode=seen.st_ino,
        device=(os.major(seen.st_dev), os.minor(seen.st_dev)),
        special=(os.major(seen.st_rdev), os.minor(seen.st_rdev)),
        mtime=seen.st_mtime_ns,
        ctime=seen.st_ctime_ns,
        mount=_mount_id(fd),
    )


def _mount_id(fd: int) -> int:
    with open(f"/proc/self/fdinfo/{fd:d}", "rb") as lines:
        for line in lines:
            if line.startswith(b"mnt_id:"):
                return int(line[7:])
    raise OSError(f"/proc/self/fdinfo/{fd:d} tells no mount id")
