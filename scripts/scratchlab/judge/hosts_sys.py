"""The host's /sys in a user namespace, with all that the host has mounted below it.

The kernel lets a user namespace mount a sysfs only with a network namespace of its own and where
all of /sys can be seen. Otherwise crun binds the host's (v1.21 src/libcrun/linux.c do_mount()), as
podman asks for with --network host, and its mounts come along: control groups, debugfs, the like.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratchlab.judge.cause import Cause, mount_line
from scratchlab.judge.paths import is_below
from scratchlab.model import Evidence, Facts, Mount, Origin

_SYS = "/sys"


class HostsSys:
    """The mounts below the host's /sys in one container."""

    def __init__(self, facts: Facts, *, mapped: bool) -> None:
        """``mapped``: the container has a user namespace of its own."""
        self._host = {
            (mount.device, mount.root, mount.target): mount for mount in facts.host_mounts or ()
        }
        bound = (mount for mount in facts.mounts if mapped and mount.target == _SYS)
        self._ids = {mount.id for mount in bound if self._same(mount)}
        self._add(facts.mounts)

    def _same(self, mount: Mount) -> bool:
        return (mount.device, mount.root, mount.target) in self._host

    def _add(self, mounts: Sequence[Mount]) -> None:
        """Each that lies on one that is known; mountinfo lists a mount after the one below it."""
        for mount in mounts:
            below = is_below(mount.target, _SYS) and mount.parent in self._ids
            if below and self._same(mount):
                self._ids.add(mount.id)

    def cause(self, mount: Mount) -> Cause | None:
        """That ``mount`` came with the host's /sys; None where it did not."""
        if mount.id not in self._ids or mount.target == _SYS:
            return None
        same = Evidence("host", f"the host has the same mount on {mount.target}")
        came = Evidence("mountinfo", "the container's /sys is the host's, with what lies below it")
        proofs = (same, came, mount_line(mount))
        return Cause(Origin.RUNTIME_FILESYSTEM, "oci-filesystem", proofs)
