"""Read a live root, or a directory of the host, into a ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from scratchlab.collect.live.limits import WalkLimits
from scratchlab.ledger import Ledger
from scratchlab.model import Mount

__all__ = ["WalkLimits", "read_root", "read_tree"]


def read_root(
    root_fd: int,
    mounts: Sequence[Mount],
    *,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
    limits: WalkLimits | None = None,
    engine_devices: Collection[tuple[int, int]] | None = None,
) -> Ledger:
    """The live ledger: every entry that a process sees, on every mount that it sees.

    ``root_fd`` is a descriptor (O_PATH) of the process's root, ``mounts`` are its mounts: both as
    in :class:`scratchlab.collect.process.Process`, whose ``recheck()`` must follow. Kernel
    filesystems (proc, sysfs, cgroup and the like) are one entry each; only ``mounts`` shows what is
    mounted below them. ``workers`` threads hash files. ``progress`` is called with the number of
    entries so far. Every entry has the id of its mount, and a ``note`` if it could not be read or
    changed meanwhile.

    A filesystem that a process or a server answers for is one entry, too, and so is one that is
    stacked on others (overlay), unless its device is one of ``engine_devices``, of what the engine
    mounted (:func:`scratchlab.collect.storage.engine_devices`); None: unless it is the root's.

    Raises LabError if the root itself is on such a filesystem or on the kernel's, or if the ledger
    would be larger than ``limits`` allow.
    """
    # Late: the debug vantage imports this package on systems other than Linux, too.
    from scratchlab.collect.live.hashing import HashPool
    from scratchlab.collect.live.walk import Walk

    with HashPool(workers) as pool:
        by_id = {mount.id: mount for mount in mounts}
        walk = Walk(
            by_id, limits or WalkLimits(), pool, progress=progress, engine_devices=engine_devices
        )
        return walk.read(root_fd)


def read_tree(
    path_fd: int,
    *,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
    limits: WalkLimits | None = None,
) -> Ledger:
    """The ledger of a directory, such as an overlay's upper or the engine's ``-init`` layer.

    ``path_fd`` is a descriptor of it (O_PATH). Other mounts below it are not entered. Whiteouts
    are as on disk (character devices 0:0), with ``trusted.overlay.*`` attributes. Otherwise like
    :func:`read_root`. Raises LabError for a directory of a kernel filesystem.
    """
    from scratchlab.collect.live.hashing import HashPool
    from scratchlab.collect.live.walk import Walk

    with HashPool(workers) as pool:
        return Walk(None, limits or WalkLimits(), pool, progress=progress).read(path_fd)
