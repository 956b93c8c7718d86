"""Ghosts: image content that the container cannot see, and what hides it."""

from __future__ import annotations

from scratchlab import mountinfo
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import elimination
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

    def removed(self, path: str, since: str) -> Evidence | None:
        """The evidence that ``path``, which an engine or runtime made in the root's own filesystem,
        was removed since the start; None where nothing shows it. ``since`` says when the directory
        that it was in was changed, as a sentence; empty where that was not since the start.
        """
        if any(above in self._covers for above in upwards(path)):
            return None
        facts, writable = self._evidence.facts, self._evidence.writable
        for above in upwards(path):
            entry = writable.get(above) if writable is not None else None
            gone = entry is not None and (entry.is_whiteout or (above != path and is_opaque(entry)))
            if entry is not None and gone and facts.layers.upper is not None:
                what = "whiteout" if entry.is_whiteout else "opaque directory"
                return Evidence("writable-layer", f"{what} {facts.layers.upper}{above}")
            if (facts.changes or {}).get(above) == "deleted":
                return Evidence("changes", f"the engine lists {above} as deleted")
        return (
            Evidence("stat", f"it is gone, and the directory above it {since}") if since else None
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
                evidence=cause.evidence,
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
