"""The walk: every entry below one open folder, by descriptors only.

The container is hostile until shown otherwise and the reader is root. So:

* Each name is opened once, O_PATH and O_NOFOLLOW, relative to the open folder that listed it.
  All that is said of the entry is then asked of that descriptor: nothing can be swapped between.
* An O_PATH descriptor acts on nothing: no device is opened, no FIFO waited for, no automount set
  off. Only what is a regular file is opened for reading, through the same descriptor.
* A folder whose times changed from before its listing until all below it was read is noted:
  names may have been missed or seen twice. Nothing that could not be read is passed over silently.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from scratchlab.collect.live import filesystems, xattrs
from scratchlab.collect.live.entries import entry
from scratchlab.collect.live.folders import Folder, Folders, MovedError
from scratchlab.collect.live.hashing import CHANGED, EMPTY, Pool, Unread
from scratchlab.collect.live.limits import ENTRY_COST, Limits
from scratchlab.collect.live.links import LinkSets
from scratchlab.collect.live.look import Look, look
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Mount

MOVED = "moved while read"
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BUFFER = 512


class Walk:
    """One reading of one tree into a ledger."""

    def __init__(
        self,
        mounts: Mapping[int, Mount] | None,
        limits: Limits,
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
        self._folders = Folders()
        self._path = "/"  # of the deepest folder; those above it are its beginnings
        self._root_mount = 0
        self._hashed: defaultdict[int, int] = defaultdict(int)
        self._ready: list[Entry] = []
        self._count = 0
        self._cost = 0

    def read(self, root_fd: int) -> Ledger:
        """Everything below ``root_fd``, itself included as ``/``."""
        try:
            # A descriptor of its own, for the walk closes what it pushes.
            fd = os.open(".", _LOOK | os.O_DIRECTORY, dir_fd=root_fd)
            seen = look(fd)
            self._root_mount = seen.mount
            self._enter("", "/", fd, seen)
            while self._folders:
                self._step()
            self._keep(self._pool.finish())
            self._flush()
            self._links.settle(self._ledger)
        except BaseException:
            self._ledger.close()
            raise
        finally:
            self._folders.close()
            self._links.close()
        return self._ledger

    def _step(self) -> None:
        folder = self._folders.last
        try:
            fd = self._folders.fd()
        except MovedError as moved:
            while len(self._folders) > moved.depth:
                self._leave(MOVED)
            return
        if folder.pending:
            self._visit(folder, fd, folder.pending.pop(), enter=True)
            return
        now = look(fd)
        changed = (now.mtime, now.ctime) != (folder.look.mtime, folder.look.ctime)
        self._leave(CHANGED if changed else None)

    def _leave(self, note: str | None) -> None:
        folder = self._folders.pop()
        note = note or folder.note
        self._keep([replace(folder.entry, note=note) if note else folder.entry])
        self._path = os.path.dirname(self._path)

    def _visit(self, folder: Folder, folder_fd: int, name: str, *, enter: bool) -> None:
        """Record what ``name`` is; a folder is entered only if ``enter``, otherwise it waits."""
        try:
            fd = os.open(name, _LOOK, dir_fd=folder_fd)
        except FileNotFoundError:  # it was listed: the listing is no picture of one moment
            folder.note = CHANGED
            return
        except OSError as error:
            folder.note = f"names in it unreadable: {_code(error)}"
            return
        handed_on = False
        try:
            seen = look(fd)
            path = f"/{name}" if self._path == "/" else f"{self._path}/{name}"
            if not stat.S_ISDIR(seen.mode):
                handed_on = self._leaf(path, fd, seen)
            elif enter:
                handed_on = self._enter(name, path, fd, seen)
            else:
                folder.pending.append(name)
        except OSError as error:
            folder.note = f"names in it unreadable: {_code(error)}"
        finally:
            if not handed_on:
                os.close(fd)

    def _enter(self, name: str, path: str, fd: int, seen: Look) -> bool:
        """Record a folder and go down into it, unless it is not for reading.

        Says whether ``fd`` was handed on.
        """
        closed, why = self._closed(seen)
        found, note = ((), None) if closed else xattrs.read(fd)
        its_entry = entry(path, seen, found, note=why or note)
        if closed:
            self._keep([its_entry])
            return False
        folder = Folder(name, fd, seen, its_entry)
        self._folders.push(folder)
        self._path = path
        try:
            listing = _open_listing(fd)
            try:
                self._list(folder, fd, listing)
            finally:
                os.close(listing)
        except OSError as error:
            folder.note = f"unreadable: {_code(error)}"
        return True

    def _list(self, folder: Folder, fd: int, listing: int) -> None:
        with os.scandir(listing) as names:
            for found in names:
                # Folders wait until the listing is closed. The type is what readdir(3) says, to
                # save a call; the descriptor is asked again.
                if found.is_dir(follow_symlinks=False):
                    folder.pending.append(found.name)
                    self._charge(len(found.name))
                else:
                    self._visit(folder, fd, found.name, enter=False)

    def _closed(self, seen: Look) -> tuple[bool, str | None]:
        """Whether the filesystem is not entered, and the note if that leaves a gap."""
        if seen.mount == self._root_mount:
            return False, None
        if self._mounts is None:
            return True, "not read: another mount"
        mount = self._mounts.get(seen.mount)
        if mount is None:
            return True, "not read: on a mount that mountinfo did not list"
        if filesystems.is_process_backed(mount.fstype):
            return True, f"not read: a process answers for {mount.fstype}"
        return mount.fstype in filesystems.KERNEL, None

    def _leaf(self, path: str, fd: int, seen: Look) -> bool:
        """Record what is no folder; says whether ``fd`` was handed on."""
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
                self._keep(self._pool.put(file))
                return True
            sha256 = EMPTY
        self._keep([entry(file.path, seen, file.xattrs, sha256=sha256, note=why or file.note)])
        return False

    def _unhashed(self, seen: Look) -> str | None:
        limits = self._limits
        if self._fstype(seen) in filesystems.UNREADABLE_FILES:
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
            self._charge(len(one.path))
        if len(self._ready) >= _BUFFER:
            self._flush()

    def _charge(self, length: int) -> None:
        self._cost += length + ENTRY_COST
        if self._cost > self._limits.ledger_bytes:
            raise LabError(
                f"the root holds more names than {self._limits.ledger_bytes} bytes can list",
                "see what fills it, for example with `du --inodes`",
            )

    def _flush(self) -> None:
        self._ledger.update(self._ready)
        self._count += len(self._ready)
        self._ready.clear()
        if self._progress is not None:
            self._progress(self._count)


def _open_listing(fd: int) -> int:
    try:
        return os.open(".", _LIST | os.O_NOATIME, dir_fd=fd)
    except PermissionError:
        return os.open(".", _LIST, dir_fd=fd)


def _code(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "?")
