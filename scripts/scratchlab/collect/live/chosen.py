"""Read a few paths of a root, and the directories above them, instead of walking all of it.

As safe as the walk (``walk``): names are opened one by one, with O_PATH and O_NOFOLLOW; nothing is
asked of what is closed; kernel filesystems are one entry. Linux only.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from scratchlab.collect.live.closed import ClosedMounts
from scratchlab.collect.live.content import EMPTY
from scratchlab.collect.live.file_status import FileStatus, mount_id_of, status_of, to_entry
from scratchlab.collect.live.hashing import HashPool, UnhashedFile
from scratchlab.collect.live.limits import (
    UNHASHED_FILESYSTEMS,
    error_name,
    is_process_backed,
)
from scratchlab.collect.live.links import LinkSets
from scratchlab.collect.live.reach import Reach
from scratchlab.collect.live.xattrs import read_xattrs
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Mount

SMALL = 16 << 20  # bytes
_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = _PATH | os.O_DIRECTORY


class Chosen(NamedTuple):
    """What was read. ``all_names``: no file has more names than those that were read, so that
    ``links`` is right for each.
    """

    ledger: Ledger
    all_names: bool


def read_chosen(
    root_fd: int,
    mounts: Sequence[Mount] | None,
    paths: Iterable[str],
    *,
    engine_devices: Collection[tuple[int, int]] | None = None,
    hashed: Callable[[str, FileStatus], bool] = lambda _, status: status.size <= SMALL,
) -> Chosen:
    """The ledger of ``paths``, as far as they are there, and of the directories above them.

    ``root_fd`` and ``mounts`` as for :func:`scratchlab.collect.live.read_root`; without mounts,
    only the mount of ``root_fd`` is entered. ``hashed(path, status)``: whether a regular file is
    hashed. Raises LabError where the root itself is closed.
    """
    with HashPool(1) as pool:
        return _Reader(root_fd, mounts, engine_devices, pool, hashed).read(paths)


class _Reader:
    def __init__(
        self,
        root_fd: int,
        mounts: Sequence[Mount] | None,
        engine_devices: Collection[tuple[int, int]] | None,
        pool: HashPool,
        hashed: Callable[[str, FileStatus], bool],
    ) -> None:
        self._root_fd = root_fd
        by_id = None if mounts is None else {mount.id: mount for mount in mounts}
        root = mount_id_of(root_fd)
        self._closed = ClosedMounts(mounts or (), root, engine_devices)
        self._closed.check_root()
        self._reach = Reach(root, by_id, self._closed)
        self._closed_targets = self._closed.targets()
        self._pool = pool
        self._hashed = hashed
        self._links = LinkSets()
        self._entries: dict[str, Entry] = {}
        self._files: list[FileStatus] = []
        self._dead_ends: set[str] = set()  # nothing below them is read

    def read(self, paths: Iterable[str]) -> Chosen:
        ledger = Ledger()
        try:
            fd = os.open(".", _DIRECTORY, dir_fd=self._root_fd)
            try:
                status = status_of(fd, asked=True)
                xattrs, note = read_xattrs(fd)
            finally:
                os.close(fd)
            self._entries["/"] = to_entry("/", status, xattrs, note=note)
            for path in sorted(set(paths)):
                self._read_path([name for name in path.split("/") if name])
            ledger.update(self._entries.values())
            ledger.update(self._pool.finish())
            self._links.settle(ledger)
        except BaseException:
            ledger.close()
            raise
        finally:
            self._links.close()
        seen = Counter(status.identity for status in self._files)
        all_names = all(status.links <= seen[status.identity] for status in self._files)
        return Chosen(ledger, all_names)

    def _read_path(self, names: Sequence[str]) -> None:
        fd = os.dup(self._root_fd)
        path = ""
        try:
            for name in names:
                path = f"{path}/{name}"
                if path in self._dead_ends or self._is_closed(path):
                    return
                try:
                    inner = os.open(name, _PATH, dir_fd=fd)
                except OSError as error:
                    self._unread(path, error)
                    return
                os.close(fd)
                fd = inner
                if path not in self._entries and not self._record(path, fd):
                    fd = -1  # it belongs to the pool now
                    return
        finally:
            if fd >= 0:
                os.close(fd)

    def _is_closed(self, path: str) -> bool:
        mount = self._closed_targets.get(path)
        if mount is None or is_process_backed(mount.fstype):
            return False  # its status is cached: not a question to its server
        self._dead_ends.add(path)
        note = f"not read: {self._closed.why(mount)}"
        self._entries[path] = Entry(path, Kind.DIRECTORY, 0, mount=mount.id, note=note)
        return True

    def _unread(self, path: str, error: OSError) -> None:
        above = os.path.dirname(path)
        self._dead_ends.add(path)
        if not isinstance(error, FileNotFoundError | NotADirectoryError) and above in self._entries:
            note = f"names in it unreadable: {error_name(error)}"
            self._entries[above] = self._entries[above]._replace(note=note)

    def _record(self, path: str, fd: int) -> bool:
        """Record what is behind ``fd``; False where that belongs to the pool now."""
        status = self._reach.status(fd)
        excluded, why = self._reach.excluded(status.mount)
        is_directory = stat.S_ISDIR(status.mode)
        if excluded:
            self._dead_ends.add(path)
            note = why if is_directory or why else f"not read: {self._reach.fstype(status.mount)}"
            self._entries[path] = to_entry(path, status, (), note=note)
            return True
        xattrs, note = read_xattrs(fd)
        if stat.S_ISREG(status.mode):
            return self._record_file(UnhashedFile(fd, path, status, xattrs, note))
        if status.links != 1 and not is_directory:
            self._files.append(status)
            self._links.add(status, path)
        target = os.readlink("", dir_fd=fd) if stat.S_ISLNK(status.mode) else None
        self._entries[path] = to_entry(path, status, xattrs, note=note, target=target)
        return True

    def _record_file(self, file: UnhashedFile) -> bool:
        status = file.status
        self._files.append(status)
        why = None
        if self._reach.fstype(status.mount) in UNHASHED_FILESYSTEMS:
            why = f"not hashed: {self._reach.fstype(status.mount)}"
        sha256 = None
        first = status.links == 1 or self._links.add(status, file.path)
        if why is None and first and self._hashed(file.path, status):
            if status.size:
                self._pool.put(file)
                return False
            sha256 = EMPTY
        self._entries[file.path] = to_entry(
            file.path, status, file.xattrs or (), sha256=sha256, note=why or file.note
        )
        return True
