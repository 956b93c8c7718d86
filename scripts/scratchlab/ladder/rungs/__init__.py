"""The rungs: ways to start a root filesystem with and without an engine."""

from __future__ import annotations

from scratchlab.ladder.rungs.bare_runtime import BareRuntime, Gvisor
from scratchlab.ladder.rungs.by_hand import Chroot, ChrootWithMounts
from scratchlab.ladder.rungs.containerd import Containerd
from scratchlab.ladder.rungs.podman import Podman
from scratchlab.ladder.rungs.rung import Rung, Started

__all__ = ["Rung", "Started", "all_rungs"]


def all_rungs() -> tuple[Rung, ...]:
    """Every rung except Docker, barest first: Docker's rung is the lab's own container."""
    return (
        Chroot(),
        ChrootWithMounts(),
        BareRuntime("runc"),
        BareRuntime("crun"),
        Containerd(),
        Podman(),
        Gvisor(),
    )
