"""The walk: every entry below one open directory, by descriptors only.

The container is hostile until shown otherwise and the reader is root. So:

* Each name is opened once, O_PATH and O_NOFOLLOW, relative to the open directory that listed it.
  All that is said of the entry is then asked of that descriptor: nothing can be swapped between.
* An O_PATH descriptor acts on nothing: no device is opened, no FIFO waited for, no automount set
  off. Only what is a regular file is opened for reading, through the same descriptor.
* A directory whose times changed from before its listing until all below it was read is noted:
  names may have been missed or seen twice. Nothing that could not be read is passed over silently.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from scratchlab.collect.live import limits, xattrs
from scratchlab.collect.live.directories import MovedError, OpenDirectories, OpenDirectory
from scratchlab.collect.live.hashing import CHANGED, EMPTY, Pool, Unread
from scratchlab.collect.live.limits import ENTRY_COST, UNREADABLE_FILES, WalkLimits, error_name
from scratchlab.collect.live.links import LinkSets
from scratchlab.collect.live.look import Look, entry, look, mount_of
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Mount

MOVED = "moved while read"
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BUFFER = 512
_BUFFER_BYTES = 1 << 20


class Walk:
    """One reading of one tree into a ledger."""

    def __init__(
        self,
        mounts: Mapping[int, Mount] | None,
        limits: WalkLimits,
        pool: Pool,
        progress: Callable[[int], None] | None,
    ) -> None:
        """``mounts`` by id; None means that no other mount than the root's is entered."""
        self._mounts = mounts
        self._limits = limits
        self._pool = pool
        self._progress = progress
        self._ledger = Ledger()
        self._links = LinkSets()
        self._directories = OpenDirectories()
        self._path = "/"  # of the deepest directory; those above it are its beginnings
        self._root_mount = 0
        self._hashed: defaultdict[int, int] = defaultdict(int)
        self._ready: list[Entry] = []
        self._unflushed = 0
        self._count = 0
        self._cost = 0

    def read(self, root_fd: int) -> Ledger:
        """Everything below ``root_fd``, itself included as ``/``."""
        try:
            self._start(root_fd)
            while self._directories:
                self._step()
            self._keep(self._pool.finish())
            self._flush()
            self._links.settle(self._ledger)
        except BaseException:
            self._ledger.close()
            raise
        finally:
            self._directories.close()
            self._links.close()
        return self._ledger

    def _start(self, root_fd: int) -> None:
        # A descriptor of its own, for the walk closes what it enters. "." stays on the root's
        # mount, whatever was mounted over it since.
        fd = os.open(".", _LOOK | os.O_DIRECTORY, dir_fd=root_fd)
        try:
            seen = look(fd)
            self._root_mount = seen.mount
            found, note = xattrs.read(fd)
        except BaseException:
            os.close(fd)
            raise
        self._directories.push(OpenDirectory("", fd, seen, entry("/", seen, found, note=note)))

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
            self._visit(directory, fd, directory.pending.pop(), enter=True)
        else:
            now = self._look(fd)
            changed = (now.mtime, now.ctime) != (directory.look.mtime, directory.look.ctime)
            self._leave(CHANGED if changed else None)

    def _leave(self, note: str | None) -> None:
        directory = self._directories.pop()
        note = directory.note or note
        self._keep([replace(directory.entry, note=note) if note else directory.entry])
        self._path = os.path.dirname(self._path)

    def _list(self, directory: OpenDirectory, fd: int) -> None:
        try:
            listing = _open_listing(fd)
            try:
                with os.scandir(listing) as names:
                    for found in names:
                        # Directories wait until the listing is closed. The type is what readdir(3)
                        # says, to save a call; the descriptor is asked again.
                        if found.is_dir(follow_symlinks=False):
                            self._wait(directory, found.name)
                        else:
                            self._visit(directory, fd, found.name, enter=False)
            finally:
                os.close(listing)
        except OSError as error:
            directory.note = f"unreadable: {error_name(error)}"

    def _wait(self, directory: OpenDirectory, name: str) -> None:
        directory.pending.append(name)
        self._charge(len(name))

    def _visit(
        self, directory: OpenDirectory, directory_fd: int, name: str, *, enter: bool
    ) -> None:
        """Record what ``name`` is; a directory is entered only if ``enter``, otherwise it waits."""
        try:
            fd = os.open(name, _LOOK, dir_fd=directory_fd)
        except FileNotFoundError:  # it was listed: the listing is no picture of one moment
            directory.note = CHANGED
            return
        except OSError as error:
            directory.note = f"names in it unreadable: {error_name(error)}"
            return
        handed_on = False
        try:
            seen = self._look(fd)
            path = f"/{name}" if self._path == "/" else f"{self._path}/{name}"
            if not stat.S_ISDIR(seen.mode):
                handed_on = self._leaf(path, fd, seen)
            elif enter:
                handed_on = self._directory(name, path, fd, seen)
            else:
                self._wait(directory, name)
        except OSError as error:
            directory.note = f"names in it unreadable: {error_name(error)}"
        finally:
            if not handed_on:
                os.close(fd)
        self._keep(self._pool.ready())

    def _look(self, fd: int) -> Look:
        mount = mount_of(fd)
        # A filesystem that a process answers for, or that is not known, is not asked.
        known = mount == self._root_mount or self._known_mount(mount)
        return look(fd, mount, cached=not known)

    def _known_mount(self, mount: int) -> bool:
        known = None if self._mounts is None else self._mounts.get(mount)
        return known is not None and not limits.is_process_backed(known.fstype)

    def _directory(self, name: str, path: str, fd: int, seen: Look) -> bool:
        """Go down into a directory, or record it if it is not for reading.

        Says whether ``fd`` was handed on.
        """
        closed, why = self._closed(seen)
        if closed:
            self._keep([entry(path, seen, (), note=why)])
            return False
        found, note = xattrs.read(fd)
        self._directories.push(OpenDirectory(name, fd, seen, entry(path, seen, found, note=note)))
        self._path = path
        return True

    def _closed(self, seen: Look) -> tuple[bool, str | None]:
        """Whether the filesystem is not entered, and the note if that leaves a gap."""
        if seen.mount == self._root_mount:
            return False, None
        if self._mounts is None:
            return True, "not read: another mount"
        mount = self._mounts.get(seen.mount)
        if mount is None:
            return True, "not read: on a mount that mountinfo did not list"
        if limits.is_process_backed(mount.fstype):
            return True, f"not read: a process answers for {mount.fstype}"
        return mount.fstype in limits.KERNEL, None

    def _leaf(self, path: str, fd: int, seen: Look) -> bool:
        """Record what is no directory; says whether ``fd`` was handed on."""
        closed, why = self._closed(seen)
        if closed:
            its_why = why or f"not read: {self._fstype(seen)}"
            self._keep([entry(path, seen, (), note=its_why)])
            return False
        found, note = xattrs.read(fd)
        if stat.S_ISREG(seen.mode):
            return self._file(Unread(fd, path, seen, found, note))
        target = os.readlink("", dir_fd=fd) if stat.S_ISLNK(seen.mode) else None
        self._keep([entry(path, seen, found, note=note, target=target)])
        return False

    def _file(self, file: Unread) -> bool:
        seen, sha256, why = file.look, None, self._unhashed(file.look)
        if why is None and (seen.links == 1 or self._links.add(seen, file.path)):
            if seen.size:
                self._hashed[seen.mount] += seen.size
                self._pool.put(file)
                return True
            sha256 = EMPTY
        self._keep([entry(file.path, seen, file.xattrs, sha256=sha256, note=why or file.note)])
        return False

    def _unhashed(self, seen: Look) -> str | None:
        limits = self._limits
        if self._fstype(seen) in UNREADABLE_FILES:
            return f"not hashed: {self._fstype(seen)}"
        if seen.size > limits.file_bytes:
            return f"not hashed: larger than {limits.file_bytes} bytes"
        most = limits.root_bytes if seen.mount == self._root_mount else limits.mount_bytes
        if self._hashed[seen.mount] + seen.size > most:
            return f"not hashed: the files before it reached {most} bytes"
        return None

    def _fstype(self, seen: Look) -> str:
        mount = (self._mounts or {}).get(seen.mount)
        return "" if mount is None else mount.fstype

    def _keep(self, entries: Iterable[Entry]) -> None:
        for one in entries:
            self._ready.append(one)
            values = sum(len(value) for _, value in one.xattrs)
            self._unflushed += values
            self._charge(len(one.path) + values)
            if len(self._ready) >= _BUFFER or self._unflushed >= _BUFFER_BYTES:
                self._flush()

    def _charge(self, length: int) -> None:
        self._cost += length + ENTRY_COST
        if self._cost > self._limits.ledger_bytes:
            raise self._limits.too_many()

    def _flush(self) -> None:
        self._ledger.update(self._ready)
        self._count += len(self._ready)
        self._ready.clear()
        self._unflushed = 0
        if self._progress is not None:
            self._progress(self._count)


def _open_listing(fd: int) -> int:
    try:
        return os.open(".", _LIST | os.O_NOATIME, dir_fd=fd)
    except PermissionError:
        return os.open(".", _LIST, dir_fd=fd)
