"""The status of an open descriptor: everything an entry needs, the mount included.

statx(2) returns the mount id since Linux 5.8 (STATX_MNT_ID). Where the kernel, the C library or a
seccomp filter does not have it, ``/proc/self/fdinfo/FD`` has (``mnt_id``, Linux 3.15).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import NamedTuple

from scratchlab.model import Entry, Kind

_BASIC_STATS = 0x7FF
_BTIME = 0x800
_MNT_ID = 0x1000
# By descriptor, without a request to a server and without triggering an automount
# (include/uapi/linux/fcntl.h).
_FLAGS = 0x1000 | 0x800 | 0x4000  # AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC
_ASKED = 0x1000 | 0x800 | 0x2000  # and AT_STATX_FORCE_SYNC: no cache of a FUSE counts
# struct statx, include/uapi/linux/stat.h: nlink, uid, gid, mode, ino, size, ctime, mtime, rdev, dev
_STATX = struct.Struct("=16x3IH2xQQ8x8x16x16xqI4xqI4x4I")
_MASK = struct.Struct("=I")
_MOUNT = struct.Struct("=Q")  # at byte 144
_BIRTH = struct.Struct("=qI")  # at byte 80
_Buffer = ctypes.c_char * 256
_SECOND = 1_000_000_000


class FileStatus(NamedTuple):
    """The fields of stat(2), and the id of the mount through which the object was reached.

    ``mode`` is all of ``st_mode``; ``device`` and ``special`` are ``st_dev`` and ``st_rdev`` as
    (major, minor); times are in nanoseconds since 1970.
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
        """Identifies the object, and the mount through which it was reached."""
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


def mount_id_of(fd: int) -> int:
    """The id of the mount through which ``fd`` was reached, without a request to its filesystem.

    A FUSE daemon may be the container's own and never answer.
    """
    if _statx is not None:
        buffer = _Buffer()
        if _statx(fd, b"", _FLAGS, 0, buffer) == 0:
            (mask,), (mount,) = _MASK.unpack_from(buffer), _MOUNT.unpack_from(buffer, 144)
            if mask & _MNT_ID:
                return int(mount)
    return _mount_by_fdinfo(fd)


def birth_of(fd: int) -> int | None:
    """When the object behind ``fd`` was made, in nanoseconds since 1970; None where the filesystem
    does not record it, or the system does not tell.
    """
    buffer = _Buffer()
    if _statx is None or _statx(fd, b"", _FLAGS, _BTIME, buffer) != 0:
        return None
    (mask,) = _MASK.unpack_from(buffer)
    seconds, nanoseconds = _BIRTH.unpack_from(buffer, 80)
    return int(seconds * _SECOND + nanoseconds) if mask & _BTIME else None


def status_of(
    fd: int, mount: int | None = None, *, cached: bool = False, asked: bool = False
) -> FileStatus:
    """The status of the object behind ``fd`` (which may be O_PATH). Raises OSError.

    ``mount`` is the id of its mount if the caller has it already. ``cached``: return what the
    kernel has cached, without a request to the filesystem. ``asked``: ask whoever answers for it,
    whatever the kernel has cached; otherwise what it has of a FUSE may be older.
    """
    if mount is None:
        mount = mount_id_of(fd)
    if _statx is not None:
        buffer = _Buffer()
        flags = _ASKED if asked else _FLAGS
        if _statx(fd, b"", flags, 0 if cached else _BASIC_STATS, buffer) == 0:
            return _unpack(buffer, mount)
    return status_by_fstat(fd, mount)


def _unpack(buffer: ctypes.Array[ctypes.c_char], mount: int) -> FileStatus:
    (
        links, uid, gid, mode, inode, size, ctime, ctime_ns, mtime, mtime_ns,
        special_major, special_minor, major, minor,
    ) = _STATX.unpack_from(buffer)  # fmt: skip
    return FileStatus(
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


def status_by_fstat(fd: int, mount: int | None = None) -> FileStatus:
    """Like :func:`status_of`, by fstat(2) and fdinfo: for systems without statx(2)."""
    status = os.fstat(fd)
    return FileStatus(
        mode=status.st_mode,
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size,
        links=status.st_nlink,
        inode=status.st_ino,
        device=(os.major(status.st_dev), os.minor(status.st_dev)),
        special=(os.major(status.st_rdev), os.minor(status.st_rdev)),
        mtime=status.st_mtime_ns,
        ctime=status.st_ctime_ns,
        mount=_mount_by_fdinfo(fd) if mount is None else mount,
    )


def _mount_by_fdinfo(fd: int) -> int:
    with open(f"/proc/self/fdinfo/{fd:d}", "rb") as lines:
        for line in lines:
            if line.startswith(b"mnt_id:"):
                return int(line[7:])
    raise OSError(errno.ENOSYS, f"/proc/self/fdinfo/{fd:d} has no mnt_id")


def to_entry(
    path: str,
    status: FileStatus,
    xattrs: tuple[tuple[str, bytes], ...],
    *,
    sha256: str | None = None,
    note: str | None = None,
    target: str | None = None,
) -> Entry:
    """The ledger entry of the object at ``path`` with this status."""
    kind = Kind.from_mode(status.mode)
    return Entry(
        path=path,
        kind=kind,
        mode=status.mode & 0o7777,
        uid=status.uid,
        gid=status.gid,
        size=status.size if kind is Kind.FILE else 0,
        sha256=sha256,
        target=target,
        device=status.special if kind in (Kind.CHAR, Kind.BLOCK) else None,
        xattrs=xattrs,
        mtime=status.mtime,
        mount=status.mount,
        note=note,
    )
