"""One look at an open descriptor: everything an entry needs, the mount included.

statx(2) tells the mount id since Linux 5.8 (STATX_MNT_ID); where the kernel, the C library or a
seccomp filter has none, ``/proc/self/fdinfo/FD`` tells it (``mnt_id``, Linux 3.15).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from typing import NamedTuple

from scratchlab.model import Entry, Kind

_BASIC_STATS = 0x7FF
_MNT_ID = 0x1000
# By descriptor, without asking a server or setting off an automount (include/uapi/linux/fcntl.h).
_FLAGS = 0x1000 | 0x800 | 0x4000  # AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC
# struct statx, include/uapi/linux/stat.h: nlink, uid, gid, mode, ino, size, ctime, mtime, rdev, dev
_STATX = struct.Struct("=16x3IH2xQQ8x8x16x16xqI4xqI4x4I")
_MASK = struct.Struct("=I")
_MOUNT = struct.Struct("=Q")  # at byte 144
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
    call = getattr(ctypes.CDLL(None), "statx", None)
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


def mount_of(fd: int) -> int:
    """The id of the mount that ``fd`` was reached through, asking no filesystem anything.

    A FUSE filesystem's daemon, which may be the container's own and never answer, is not asked.
    """
    if _statx is not None:
        buffer = ctypes.create_string_buffer(_SIZE)
        if _statx(fd, b"", _FLAGS, 0, buffer) == 0:
            (mask,), (mount,) = _MASK.unpack_from(buffer), _MOUNT.unpack_from(buffer, 144)
            if mask & _MNT_ID:
                return int(mount)
    return _mount_by_fdinfo(fd)


def look(fd: int, mount: int | None = None, *, cached: bool = False) -> Look:
    """Look at the object that ``fd`` stands for (O_PATH will do). Raises OSError.

    ``mount`` is its mount if the caller knows it already. ``cached``: what the kernel knows by
    itself will do; the filesystem is not asked.
    """
    if mount is None:
        mount = mount_of(fd)
    if _statx is not None:
        buffer = ctypes.create_string_buffer(_SIZE)
        if _statx(fd, b"", _FLAGS, 0 if cached else _BASIC_STATS, buffer) == 0:
            return _unpack(buffer, mount)
    return look_by_fstat(fd, mount)


def _unpack(buffer: ctypes.Array[ctypes.c_char], mount: int) -> Look:
    (
        links, uid, gid, mode, inode, size, ctime, ctime_ns, mtime, mtime_ns,
        special_major, special_minor, major, minor,
    ) = _STATX.unpack_from(buffer)  # fmt: skip
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


def look_by_fstat(fd: int, mount: int | None = None) -> Look:
    """The same by fstat(2) and fdinfo, for systems that lack or forbid statx(2)."""
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
        mount=_mount_by_fdinfo(fd) if mount is None else mount,
    )


def _mount_by_fdinfo(fd: int) -> int:
    with open(f"/proc/self/fdinfo/{fd:d}", "rb") as lines:
        for line in lines:
            if line.startswith(b"mnt_id:"):
                return int(line[7:])
    raise OSError(errno.ENOSYS, f"/proc/self/fdinfo/{fd:d} tells no mount id")


# From what stat(2) says to an entry of a ledger.


_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}


def kind(look: Look) -> Kind:
    """The type of the object."""
    return _KINDS[stat.S_IFMT(look.mode)]


def entry(
    path: str,
    look: Look,
    xattrs: tuple[tuple[str, bytes], ...],
    *,
    sha256: str | None = None,
    note: str | None = None,
    target: str | None = None,
) -> Entry:
    """The entry of ``path``."""
    its_kind = kind(look)
    return Entry(
        path=path,
        kind=its_kind,
        mode=look.mode & 0o7777,
        uid=look.uid,
        gid=look.gid,
        size=look.size if its_kind is Kind.FILE else 0,
        sha256=sha256,
        target=target,
        device=look.special if its_kind in (Kind.CHAR, Kind.BLOCK) else None,
        xattrs=xattrs,
        mtime=look.mtime,
        mount=look.mount,
        note=note,
    )
