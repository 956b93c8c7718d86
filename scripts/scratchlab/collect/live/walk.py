"""The walk: every entry below one open directory, by descriptors only.

The container is hostile until proved otherwise, and the reader is root. So:

* Each name is opened once, with O_PATH and O_NOFOLLOW, relative to the open directory that listed
  it. All fields of the entry are read from that descriptor, or from one that was opened through
  it: nothing can be swapped in between.
* Opening with O_PATH has no effect: no device is opened, no FIFO waited for, no automount
  triggered. Only regular files are opened for reading, through the same descriptor.
* A filesystem that could keep the reader waiting is one entry, and nothing is asked of it
  (``closed``).
* A directory whose times changed between its listing and the end of the walk below it has a note:
  names may have been missed or read twice. So has everything that could not be read.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from scratchlab import mountinfo
from scratchlab.collect.live.closed import ClosedMounts
from scratchlab.collect.live.content import CHANGED, EMPTY
from scratchlab.collect.live.directories import (
    DirectoryStack,
    MovedError,
    OpenDirectory,
    listing,
    lists,
    open_below,
)
from scratchlab.collect.live.entry_buffer import EntryBuffer
from scratchlab.collect.live.file_status import FileStatus, mount_id_of, status_of, to_entry
from scratchlab.collect.live.hashing import HashPool, UnhashedFile
from scratchlab.collect.live.limits import (
    KERNEL_FILESYSTEMS,
    UNHASHED_FILESYSTEMS,
    WalkLimits,
    error_name,
    is_process_backed,
)
from scratchlab.collect.live.links import LinkSets
from scratchlab.collect.live.reach import Reach
from scratchlab.collect.live.user_data import BoundedMounts, UserDataPlan
from scratchlab.collect.live.xattrs import read_xattrs
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Mount
from scratchlab.reading import UserDataRead

MOVED = "moved while read"
_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Walk:
    """One reading of one tree into a ledger."""

    def __init__(
        self,
        mounts: Mapping[int, Mount] | None,
        limits: WalkLimits,
        pool: HashPool,
        *,
        ledger: Ledger | None = None,
        progress: Callable[[int], None] | None = None,
        engine_devices: Collection[tuple[int, int]] | None = None,
        plan: Callable[[], UserDataPlan] = UserDataPlan,
    ) -> None:
        """``mounts`` are those of the process, by id; None: enter no mount but the root's.

        ``ledger`` is an empty one to write to. ``engine_devices`` are the devices (major, minor)
        of what the engine mounted: of stacked filesystems only these are entered. None: the root's
        only. ``plan`` is called once the root's own mount is read, and before any other is: it
        says how much to read of the user's data.
        """
        self._mounts = mounts
        self._engine_devices = engine_devices
        self._closed = ClosedMounts((), 0, None)
        self._unopened: dict[str, Mount] = {}
        self._unopened_files: set[str] = set()
        self._limits = limits
        self._pool = pool
        self._ledger = Ledger() if ledger is None else ledger
        self._buffer = EntryBuffer(self._ledger, limits, progress)
        self._links = LinkSets()
        self._directories = DirectoryStack()
        self._path = "/"  # of the deepest directory
        self._reach = Reach(0, mounts, self._closed)
        self._hashed: defaultdict[int, int] = defaultdict(int)
        self._plan = plan
        self._users = BoundedMounts(UserDataPlan(), {})
        self._other_mounts: list[str] | None = []  # mountpoints that wait; None: none has to

    def read(self, root_fd: int) -> Ledger:
        """The ledger of everything below ``root_fd``, which is ``/``."""
        try:
            self._start(root_fd)
            self._finish()
            self._read_other_mounts(root_fd)
            self._keep(self._pool.finish())
            self._buffer.flush()
            self._links.settle(self._ledger)
        except BaseException:
            self._ledger.close()
            raise
        finally:
            self._directories.close()
            self._links.close()
        return self._ledger

    @property
    def user_data(self) -> UserDataRead:
        """What was read of the user's data."""
        return self._users.result()

    def _finish(self) -> None:
        while self._directories:
            self._step()

    def _read_other_mounts(self, root_fd: int) -> None:
        waiting, self._other_mounts = self._other_mounts or [], None
        self._keep(self._pool.finish())  # none of the root's files waits for the image
        self._users = BoundedMounts(self._plan(), self._closed.visible)
        for mountpoint in waiting:
            self._path, name = os.path.split(mountpoint)
            try:
                fd = open_below(root_fd, self._path)
            except OSError:
                self._buffer.add_note(self._path, CHANGED)
                continue
            try:
                note = self._visit(fd, name, None, None)
            finally:
                os.close(fd)
            if note:
                self._buffer.add_note(self._path, note)
            self._finish()

    def _start(self, root_fd: int) -> None:
        self._check_root(mount_id_of(root_fd))
        # A new descriptor, because the walk closes what it enters. "." stays on the root's mount,
        # whatever was mounted over it since.
        fd = os.open(".", _PATH | os.O_DIRECTORY, dir_fd=root_fd)
        try:
            status = status_of(fd, asked=True)
            xattrs, note = read_xattrs(fd)
        except BaseException:
            os.close(fd)
            raise
        entry = to_entry("/", status, xattrs, note=note)
        self._directories.push(OpenDirectory("", fd, status, entry))

    def _check_root(self, mount_id: int) -> None:
        """Raise LabError if the tree is not to be entered; the first request to it comes later."""
        mount = (_own_mounts() if self._mounts is None else self._mounts).get(mount_id)
        if mount is None:
            raise LabError("the directory is on a mount that mountinfo does not list")
        if mount.fstype in KERNEL_FILESYSTEMS:
            raise LabError(f"the directory is on a {mount.fstype}, which the kernel generates")
        if self._mounts is None:
            self._other_mounts = None
            self._reach = Reach(mount_id, None, self._closed)
            return
        self._closed = ClosedMounts([*self._mounts.values()], mount_id, self._engine_devices)
        self._closed.check_root()
        self._reach = Reach(mount_id, self._mounts, self._closed)
        # Even opening a path by O_PATH asks some servers (Linux fs/namei.c complete_walk(),
        # d_weak_revalidate). FUSE has no such question, and its status is cached.
        self._unopened = {
            target: covering
            for target, covering in self._closed.targets().items()
            if not is_process_backed(covering.fstype)
        }

    def _step(self) -> None:
        directory = self._directories.last
        try:
            fd = self._directories.fd()
        except MovedError as moved:
            while len(self._directories) > moved.depth:
                self._leave(MOVED)
            return
        if not directory.listed:
            directory.listed = True
            self._list(directory, fd)
        elif directory.pending:
            name = directory.pending.pop()
            if self._may_read(directory, name) and not self._is_unopened(name):
                directory.note = self._visit(fd, name, None, directory.absent) or directory.note
        else:
            now = self._reach.status(fd)
            changed = (now.mtime, now.ctime) != (directory.status.mtime, directory.status.ctime)
            changed = changed or not lists(fd, directory.absent)
            self._leave(CHANGED if changed else None)

    def _leave(self, note: str | None) -> None:
        directory = self._directories.pop()
        note = directory.note or note
        self._keep([directory.entry._replace(note=note) if note else directory.entry])
        self._path = os.path.dirname(self._path)

    def _list(self, directory: OpenDirectory, fd: int) -> None:
        bounded = self._users.is_bounded(directory.status.mount)
        try:
            with listing(fd) as items:
                if bounded:
                    self._choose(directory, items)
                else:
                    self._visit_all(directory, fd, items)
        except OSError as error:
            directory.note = f"unreadable: {error_name(error)}"

    def _visit_all(
        self, directory: OpenDirectory, fd: int, items: Iterable[os.DirEntry[str]]
    ) -> None:
        for item in items:
            # Directories wait until the listing is closed. The type is that of readdir(3), to save
            # a call; the descriptor decides later.
            is_directory = item.is_dir(follow_symlinks=False)
            if not is_directory and self._below(item.name) in self._unopened:
                self._unopened_files.add(self._below(item.name))
            if is_directory:
                self._wait(directory.pending, item.name)
            elif not self._is_unopened(item.name):
                note = self._visit(fd, item.name, directory.pending, directory.absent)
                directory.note = note or directory.note

    def _choose(self, directory: OpenDirectory, items: Iterable[os.DirEntry[str]]) -> None:
        """Let those names wait that are read of a directory of the user's data."""
        names = (item.name for item in items)
        for name in self._users.first_names(directory.status.mount, self._path, names):
            self._wait(directory.pending, name)

    def _may_read(self, directory: OpenDirectory, name: str) -> bool:
        mount = directory.status.mount
        return not self._users.is_bounded(mount) or self._users.may_read(mount, self._path, name)

    def _is_unopened(self, name: str) -> bool:
        """Record ``name`` if it is a mountpoint that is not even opened; returns whether it is."""
        path = self._below(name)
        mount = self._unopened.get(path)
        if mount is None:
            return False
        kind = Kind.FILE if path in self._unopened_files else Kind.DIRECTORY
        note = f"not read: {self._closed.why(mount)}"
        self._users.count(mount.id, path)
        self._keep([Entry(path, kind, 0, mount=mount.id, note=note)])
        return True

    def _below(self, name: str) -> str:
        return f"/{name}" if self._path == "/" else f"{self._path}/{name}"

    def _wait(self, pending: list[str], name: str) -> None:
        pending.append(name)
        self._buffer.charge(len(name))

    def _visit(
        self, directory_fd: int, name: str, pending: list[str] | None, absent: list[str] | None
    ) -> str | None:
        """Record the object ``name``; returns a note for its directory.

        A directory is entered, or waits in ``pending``. A name that nothing is found by is added to
        ``absent``; without it, that is a change.
        """
        self._pool.beats += 1
        try:
            fd = os.open(name, _PATH, dir_fd=directory_fd)
        except FileNotFoundError:
            if absent is None:
                return CHANGED
            self._wait(absent, name)
            return None
        except OSError as error:
            return f"names in it unreadable: {error_name(error)}"
        kept = False
        try:
            status = self._reach.status(fd)
            path = self._below(name)
            if stat.S_ISDIR(status.mode) and pending is not None:
                self._wait(pending, name)
            elif status.mount != self._reach.root and self._other_mounts is not None:
                self._other_mounts.append(path)
            else:
                self._users.count(status.mount, path)
                if stat.S_ISDIR(status.mode):
                    kept = self._enter(name, path, fd, status)
                else:
                    kept = self._record_leaf(path, fd, status)
        except OSError as error:
            return f"names in it unreadable: {error_name(error)}"
        finally:
            if not kept:
                os.close(fd)
        self._keep(self._pool.ready())
        return None

    def _enter(self, name: str, path: str, fd: int, status: FileStatus) -> bool:
        """Enter a directory, or only record it. Returns whether ``fd`` was kept open."""
        excluded, why = self._reach.excluded(status.mount)
        if excluded:
            self._keep([self._placed(to_entry(path, status, (), note=why))])
            return False
        xattrs, note = read_xattrs(fd)
        entry = to_entry(path, status, xattrs, note=note)
        self._directories.push(OpenDirectory(name, fd, status, entry))
        self._path = path
        return True

    def _placed(self, entry: Entry) -> Entry:
        """``entry``, which is not read, on the mount of its directory where its own is a mount that
        came to the user's data meanwhile: that is the user's, too.
        """
        if not self._directories or entry.mount in (self._mounts or {}):
            return entry
        above = self._directories.last.status.mount
        return entry._replace(mount=above) if self._users.holds(above) else entry

    def _record_leaf(self, path: str, fd: int, status: FileStatus) -> bool:
        """Record anything but a directory. Returns whether ``fd`` was kept open."""
        excluded, why = self._reach.excluded(status.mount)
        if excluded:
            note = why or f"not read: {self._reach.fstype(status.mount)}"
            self._keep([self._placed(to_entry(path, status, (), note=note))])
            return False
        if stat.S_ISREG(status.mode):
            return self._record_file(path, fd, status)
        xattrs, xattr_note = read_xattrs(fd)
        if status.links != 1:
            self._links.add(status, path)
        target = os.readlink("", dir_fd=fd) if stat.S_ISLNK(status.mode) else None
        self._keep([to_entry(path, status, xattrs, note=xattr_note, target=target)])
        return False

    def _record_file(self, path: str, fd: int, status: FileStatus) -> bool:
        why = self._not_hashed(status)
        first = status.links == 1 or (why is None and self._links.add(status, path))
        hashed = why is None and first and self._is_content_read(path, status)
        if hashed and status.size and self._pool.is_small(status):
            return self._hash(UnhashedFile(fd, path, status))
        xattrs, note = read_xattrs(fd)
        if hashed and status.size:
            return self._hash(UnhashedFile(fd, path, status, xattrs, note))
        sha256 = EMPTY if hashed else None
        self._keep([to_entry(path, status, xattrs, sha256=sha256, note=why or note)])
        return False

    def _hash(self, file: UnhashedFile) -> bool:
        self._hashed[file.status.mount] += file.status.size
        self._pool.put(file)
        return True

    def _is_content_read(self, path: str, status: FileStatus) -> bool:
        mount = status.mount
        return not self._users.is_bounded(mount) or self._users.is_compared(
            mount, path, status.size
        )

    def _not_hashed(self, status: FileStatus) -> str | None:
        """The note of a file that is not hashed; None for one to hash."""
        limits = self._limits
        if self._reach.fstype(status.mount) in UNHASHED_FILESYSTEMS:
            return f"not hashed: {self._reach.fstype(status.mount)}"
        if status.size > limits.file_bytes:
            return f"not hashed: larger than {limits.file_bytes} bytes"
        most = limits.root_bytes if status.mount == self._reach.root else limits.mount_bytes
        if self._hashed[status.mount] + status.size > most:
            return f"not hashed: the files before it reached {most} bytes"
        return None

    def _keep(self, entries: Iterable[Entry]) -> None:
        self._buffer.keep(entries)


def _own_mounts() -> dict[int, Mount]:
    with open("/proc/thread-self/mountinfo", "rb") as lines:
        return {mount.id: mount for mount in mountinfo.parse(lines.read())}
