"""Which of an engine's rules for the root folder speaks of a storage driver."""

from __future__ import annotations

# Driver, as the engine calls it, to the end of the rule's id; overlay2 and overlay are the plain
# ones, overlayfs is what Docker calls containerd's snapshotter (moby v25 daemon/containerd).
ROOT_DRIVERS = {"vfs": "-vfs", "overlayfs": "-snapshot"}
