"""Ghosts: image content that the container cannot see, and what hides it."""

from __future__ import annotations

from scratchlab import mountinfo
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import elimination
from scratchlab.judge.cause import mount_line
from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.judge.opaque import is_opaque
from scratchlab.judge.paths import upwards
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Evidence, Ghost, Kind, Origin, Status


class GhostFinder:
    """Finds what hides entries of the image in one live root."""

    def __init__(self, evidence: EvidenceSet, mounts: MountOrigins, root: int | None) -> None:
        """``root`` is the id of the mount that the live root lies on."""
        self._evidence = evidence
        self._mounts = mounts
        self._covers = mountinfo.visible_mounts(evidence.facts.mounts, root)

    def find(self, entry: Entry) -> Ghost | None:
        """What hides ``entry`` of the image; None where nothing explains why it is missing."""
        return (
            self._under_mount(entry)
            or self._under_layer(entry, self._evidence.writable, writable=True)
            or self._under_layer(entry, self._evidence.init, writable=False)
        )

    def _under_mount(self, entry: Entry) -> Ghost | None:
        for path in upwards(entry.path):
            mount = self._covers.get(path)
            if mount is None:
                continue
            cause = self._mounts[mount]
            bind = path == entry.path and self._mounts.is_bind(mount)
            return Ghost(
                path=entry.path,
                kind=Status.OVERRIDDEN if bind else Status.SHADOWED,
                origin=cause.origin,
                actor=f"{'a bind' if bind else f'the {mount.fstype}'} on {path}",
                evidence=cause.evidence or (mount_line(mount),),
                image=entry,
            )
        return None

    def _under_layer(self, entry: Entry, layer: Ledger | None, *, writable: bool) -> Ghost | None:
        """``writable``: ``layer`` is the writable layer, else the engine's init layer."""
        if layer is None:
            return None
        for path in upwards(entry.path):
            above = layer.get(path)
            if above is None:
                continue
            if path == entry.path:
                if above.kind is entry.kind and not writable:
                    return self._ghost(entry, above, Status.REPLACED, writable)
                if above.kind is entry.kind:
                    return None
            deleted = above.is_whiteout or (path != entry.path and is_opaque(above))
            replaced = not deleted and path == entry.path
            if deleted or replaced or above.kind is not Kind.DIRECTORY:
                kind = Status.DELETED if path != entry.path or deleted else Status.CHANGED
                return self._ghost(entry, above, kind if writable else Status.REPLACED, writable)
        return None

    def _ghost(self, entry: Entry, above: Entry, kind: Status, writable: bool) -> Ghost:
        layers = self._evidence.facts.layers
        directory = layers.upper if writable else layers.init
        if directory is None:
            proof = elimination.proof(self._evidence, above.path, writable=writable)
        else:
            what = "whiteout" if above.is_whiteout else above.kind
            layer = "writable-layer" if writable else "init-layer"
            proof = Evidence(layer, f"{what} {directory}{above.path}")
        actor = "the writable layer" if writable else "the engine's init layer"
        origin = Origin.WRITTEN_LATER if writable else Origin.ENGINE_INIT_LAYER
        return Ghost(entry.path, kind, origin, actor, (proof,), entry)
