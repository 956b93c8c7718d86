"""The rungs below the engine and beside it: one file each, and one line in the registry."""

from __future__ import annotations

from scratchlab.ladder.rungs.bare_runtime import BareRuntime, Gvisor
from scratchlab.ladder.rungs.by_hand import Chroot, ChrootWithMounts
from scratchlab.ladder.rungs.containerd import Containerd
from scratchlab.ladder.rungs.podman import Podman
from scratchlab.ladder.rungs.rung import Rung, Started

__all__ = ["Rung", "Started", "rungs"]


def rungs() -> tuple[Rung, ...]:
    """All rungs but the lab's own engine, barest first."""
    return (
        Chroot(),
        ChrootWithMounts(),
        BareRuntime("runc"),
        BareRuntime("crun"),
        Containerd(),
        Podman(),
        Gvisor(),
    )
