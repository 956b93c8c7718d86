"""Which mounts are closed to the reader: those that could keep it waiting, where no signal ends it.

A process or a server answers for them, or they are stacked on other filesystems, maybe on such one.
The engine's own are open: its devices are known from its own mount namespace.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from scratchlab import mountinfo
from scratchlab.collect.live.file_status import mount_id_of
from scratchlab.collect.live.limits import STACKED_FILESYSTEMS, who_answers
from scratchlab.errors import LabError
from scratchlab.model import Mount

Device = tuple[int, int]


class ClosedMounts:
    """The mounts of one process, closed ones and open ones."""

    def __init__(
        self, mounts: Sequence[Mount], root: int, engine_devices: Collection[Device] | None
    ) -> None:
        """``root`` is the id of the mount that the root lies on; ``engine_devices`` are those of
        what the engine mounted (:func:`scratchlab.collect.storage.engine_devices`), None where they
        are not known: then what has the device of a stacked root is open.
        """
        self._root = next((mount for mount in mounts if mount.id == root), None)
        self._devices = engine_devices
        self.visible = mountinfo.visible_mounts(mounts, root)  # by target

    def check_root(self) -> None:
        """Raise LabError where the root itself is closed."""
        if self._root is None:
            return
        why = _why_closed(self._root)
        known = self._devices is not None
        own = self._is_engines(self._root) if known else self._root.fstype in STACKED_FILESYSTEMS
        if why and not own:
            raise LabError(
                f"the container's root is not read: {why}, and it may never answer",
                "list it from inside: docker exec CONTAINER ls /",
            )

    def why(self, mount: Mount) -> str | None:
        """The reason why ``mount``, below the root, is closed; None for an open one."""
        if mount.fstype in STACKED_FILESYSTEMS and self._is_engines(mount):
            return None
        return _why_closed(mount)

    def targets(self) -> dict[str, Mount]:
        """The visible mounts below the root that are closed, by target."""
        return {
            target: mount
            for target, mount in self.visible.items()
            if target != "/" and self.why(mount)
        }

    def _is_engines(self, mount: Mount) -> bool:
        same = self._root is not None and mount.device == self._root.device
        return same if self._devices is None else mount.device in self._devices


def closed_ways(
    mounts: Sequence[Mount], root: int, engine_devices: Collection[Device] | None = None
) -> ClosedWays:
    """The closed paths of a process: see :class:`ClosedMounts` for the arguments."""
    return ClosedWays(mounts, ClosedMounts(mounts, root, engine_devices))


class ClosedWays:
    """Paths to or through a closed mount: nothing there is opened, nor its status read."""

    def __init__(self, mounts: Sequence[Mount], closed: ClosedMounts) -> None:
        self._targets = frozenset(closed.targets())
        root = closed.visible.get("/")
        self._open = frozenset(
            mount.id for mount in mounts if mount is root or not closed.why(mount)
        )

    def __contains__(self, path: str) -> bool:
        while path not in ("", "/"):
            if path in self._targets:
                return True
            path = posixpath.dirname(path)
        return False

    @contextmanager
    def reach(self, root_fd: int, path: str) -> Iterator[int | None]:
        """The object at ``path`` below ``root_fd`` as a descriptor (O_PATH) during the block.

        It is opened name by name, and no link is followed. None where there is nothing, where the
        path is closed, or leads through a mount that is not known to be open: one that was made
        since may never answer either.
        """
        fd: int | None = None if path in self else os.dup(root_fd)
        try:
            for name in filter(None, path.split("/")):
                if fd is None:
                    break
                outer, fd = fd, None
                try:
                    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=outer)
                    if mount_id_of(fd) not in self._open:
                        os.close(fd)
                        fd = None
                except OSError:
                    break
                finally:
                    os.close(outer)
            yield fd
        finally:
            if fd is not None:
                os.close(fd)


def _why_closed(mount: Mount) -> str | None:
    if served_by := who_answers(mount.fstype):
        return f"{served_by} answers for {mount.fstype}"
    if mount.fstype in STACKED_FILESYSTEMS:
        return f"the engine did not make this {mount.fstype}"
    return None
