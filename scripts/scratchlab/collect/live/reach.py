"""Which mounts a reader of a root enters, and what it says of the others."""

from __future__ import annotations

from collections.abc import Mapping

from scratchlab.collect.live.closed import ClosedMounts
from scratchlab.collect.live.file_status import FileStatus, mount_id_of, status_of
from scratchlab.collect.live.limits import KERNEL_FILESYSTEMS
from scratchlab.model import Mount


class Reach:
    """What may be read from the mount ``root`` (its id).

    ``mounts`` are those of the process, by id; None: no mount but the root's is entered.
    """

    def __init__(self, root: int, mounts: Mapping[int, Mount] | None, closed: ClosedMounts) -> None:
        self.root = root
        self._mounts = mounts
        self._closed = closed

    def is_open(self, mount_id: int) -> bool:
        """Whether the filesystem may be asked: the root's, or a listed one that is not closed."""
        if mount_id == self.root:
            return True
        mount = (self._mounts or {}).get(mount_id)
        return mount is not None and self._closed.why(mount) is None

    def status(self, fd: int) -> FileStatus:
        """The status of what is behind ``fd``, without a request to a filesystem that a process
        serves, or that is not known. Raises OSError.
        """
        mount = mount_id_of(fd)
        is_open = self.is_open(mount)
        return status_of(fd, mount, cached=not is_open, asked=is_open)

    def excluded(self, mount_id: int) -> tuple[bool, str | None]:
        """Whether nothing of the filesystem is read, and the note if that leaves a gap."""
        if mount_id == self.root:
            return False, None
        if self._mounts is None:
            return True, "not read: another mount"
        mount = self._mounts.get(mount_id)
        if mount is None:
            return True, "not read: on a mount that mountinfo did not list"
        if why := self._closed.why(mount):
            return True, f"not read: {why}"
        return mount.fstype in KERNEL_FILESYSTEMS, None

    def fstype(self, mount_id: int) -> str:
        """The type of the filesystem; empty if mountinfo does not list it."""
        mount = (self._mounts or {}).get(mount_id)
        return "" if mount is None else mount.fstype
