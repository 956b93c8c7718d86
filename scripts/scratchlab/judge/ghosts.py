"""Image content that the container cannot see, and who is to blame."""

from __future__ import annotations

from scratchlab import mountinfo
from scratchlab.evidence import EvidenceSet
from scratchlab.judge.cause import mount_line
from scratchlab.judge.elimination import evidence as by_elimination
from scratchlab.judge.mounts import MountOrigins
from scratchlab.judge.paths import upwards
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Evidence, Ghost, Kind, Mount, Origin, Status

_OPAQUE = frozenset({"trusted.overlay.opaque", "user.overlay.opaque"})


class Ghosts:
    """Ghosts of one live root."""

    def __init__(self, seen: EvidenceSet, mounts: MountOrigins, root: int | None) -> None:
        """``root`` is the id of the mount that the live root lies on."""
        self._seen = seen
        self._mounts = mounts
        reachable = mountinfo.visible(seen.facts.mounts, root)
        self._covers: dict[str, Mount] = {
            target: mount for target, mount in reachable.items() if not mounts.is_root(mount.id)
        }

    def of(self, entry: Entry) -> Ghost | None:
        """Why the container cannot see ``entry`` of the image; None when nothing explains it."""
        return (
            self._covered(entry)
            or self._layered(entry, self._seen.writable, process=True)
            or self._layered(entry, self._seen.init, process=False)
        )

    def _covered(self, entry: Entry) -> Ghost | None:
        for path in upwards(entry.path):
            mount = self._covers.get(path)
            if mount is None:
                continue
            cause = self._mounts[mount]
            bound = path == entry.path and self._mounts.is_bind(mount)
            return Ghost(
                path=entry.path,
                kind=Status.OVERRIDDEN if bound else Status.SHADOWED,
                origin=cause.origin,
                actor=f"{'a bind' if bound else f'the {mount.fstype}'} on {path}",
                evidence=cause.evidence or (mount_line(mount),),
                image=entry,
            )
        return None

    def _layered(self, entry: Entry, layer: Ledger | None, *, process: bool) -> Ghost | None:
        if layer is None:
            return None
        for path in upwards(entry.path):
            above = layer.get(path)
            if above is None:
                continue
            if path == entry.path:
                if above.kind is entry.kind and not process:
                    return self._ghost(entry, above, Status.REPLACED, process)
                if above.kind is entry.kind:
                    return None
            gone = _whiteout(above) or (path != entry.path and _hides(above))
            replaced = not gone and path == entry.path
            if gone or replaced or above.kind is not Kind.DIRECTORY:
                kind = Status.DELETED if path != entry.path or gone else Status.CHANGED
                return self._ghost(entry, above, kind if process else Status.REPLACED, process)
        return None

    def _ghost(self, entry: Entry, above: Entry, kind: Status, process: bool) -> Ghost:
        layers = self._seen.facts.layers
        directory = layers.upper if process else layers.init
        word = "whiteout" if _whiteout(above) else above.kind
        evidence = (
            by_elimination(self._seen, above.path, writable=process)
            if directory is None
            else Evidence(
                "writable-layer" if process else "init-layer", f"{word} {directory}{above.path}"
            )
        )
        actor = "a process of the container" if process else "the engine's init layer"
        origin = Origin.PROCESS_WRITE if process else Origin.ENGINE_INIT_LAYER
        return Ghost(entry.path, kind, origin, actor, (evidence,), entry)


def _whiteout(entry: Entry) -> bool:
    # Linux Documentation/filesystems/overlayfs.rst: a character device 0:0.
    return entry.kind is Kind.CHAR and entry.device == (0, 0)


def _hides(entry: Entry) -> bool:
    """Whether a directory of an upper layer hides all that lower ones have below it."""
    return any(name in _OPAQUE for name, _ in entry.xattrs)
