"""Read a live root, or a plain directory of the host, into a ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
) -> Ledger:
    """The live ledger: every entry that a process sees, on every mount that it sees.

    Takes an (O_PATH) descriptor of the process's root and its mounts, which
    :func:`scratchlab.collect.process.hold` gives; ask ``recheck()`` afterwards. Kernel filesystems
    (proc, sysfs, cgroup and the like) are one entry each; what is mounted below them is known from
    ``mounts`` only. ``progress`` is called with the number of entries so far. Every entry carries
    the id of its mount; what could not be read, or changed meanwhile, carries a ``note``.
    Raises LabError if the tree holds more than ``limits`` allow a ledger to hold.
    """
    # Only here: this package is imported by readers on other systems than Linux, too.
    from scratchlab.collect.live.hashing import Pool
    from scratchlab.collect.live.walk import Walk

    with Pool(workers) as pool:
        by_id = {mount.id: mount for mount in mounts}
        return Walk(by_id, limits or WalkLimits(), pool, progress).read(root_fd)


def read_tree(
    path_fd: int,
    *,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
    limits: WalkLimits | None = None,
) -> Ledger:
    """The ledger of a plain directory, such as an overlay's upper or the engine's ``-init`` layer.

    Other mounts below it are not entered. Whiteouts are what they are on disk (character devices
    0:0), ``trusted.overlay.*`` attributes are kept. Otherwise like :func:`read_root`.
    """
    from scratchlab.collect.live.hashing import Pool
    from scratchlab.collect.live.walk import Walk

    with Pool(workers) as pool:
        return Walk(None, limits or WalkLimits(), pool, progress).read(path_fd)
