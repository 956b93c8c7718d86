"""What the layers above the image hold, by elimination, where their directories cannot be read.

A root is the image, the engine's init layer (Docker only) and the writable layer. An entry that
differs from the image and is among the changes that the engine lists (``docker diff``) belongs to
the writable layer; one that differs, is not listed and is one that the init layer makes belongs
to the init layer. Any other entry stays unexplained.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace

from scratchlab.evidence import EvidenceSet
from scratchlab.idmap import IdMap
from scratchlab.judge.compare import Pair, attributes, compare
from scratchlab.judge.opaque import opaque
from scratchlab.judge.paths import upwards
from scratchlab.judge.rules.docker import INIT_MADE, INIT_VISIBLE
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Evidence, Facts, Kind, Status

_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def eliminated(evidence: EvidenceSet) -> EvidenceSet:
    """``evidence``, with the ledgers of the layers as far as they follow from the rest."""
    facts = evidence.facts
    docker = facts.engine.name == "docker"
    if evidence.writable is not None or (docker and facts.changes is None):
        return evidence
    top = evidence.live.get("/")
    init, writable = Ledger(), Ledger()
    linked: set[str] = set()  # hard-link sets with a name in the writable layer
    for pair in compare(evidence.image, evidence.live, IdMap(facts.container.uid_map)):
        if pair.path == "/":
            continue
        if pair.status is Status.SAME:
            if pair.live is not None and _made_again(pair.path, facts):
                writable.put(opaque(pair.live))
            continue
        if docker:
            changed = _changed_for_docker(pair, facts.changes or {})
        else:
            changed = _changed_for_podman(pair, evidence)
        if pair.live is None:
            if changed:
                writable.put(Entry.whiteout(pair.path))
        elif top is None or pair.live.mount != top.mount:
            continue
        elif (
            docker
            and pair.path in INIT_MADE
            and not _is_kept(pair)
            and (not changed or _counts_init(evidence) or _as_made(pair.live, facts))
        ):
            init.put(pair.live)
        elif changed:
            writable.put(pair.live)
            if made := _changed_of_init(pair, facts):
                init.put(made)
            if pair.live.links is not None:
                linked.add(pair.live.links)
    # No hard link leads from one layer to another: with one name, all are in the writable layer.
    writable.update([entry for entry in evidence.live if entry.links in linked])
    return replace(evidence, init=init if docker else None, writable=writable)


def proof(evidence: EvidenceSet, path: str, *, writable: bool) -> Evidence:
    """Why ``path`` belongs to the writable layer, or else to the init layer."""
    if evidence.facts.engine.name != "docker":
        detail = f"{path} differs from the image, and there is no other layer"
    elif writable:
        detail = f"the engine lists {path} among the container's changes"
    else:
        detail = f"{path} is not the image's, and the engine does not list it as a change"
    return Evidence("changes", detail)


def _changed_for_docker(pair: Pair, changes: Mapping[str, str]) -> bool:
    # In JSON, a byte that is not UTF-8 becomes a replacement character (Go's encoding/json).
    kind = changes.get(_NOT_UTF8.sub("\ufffd", pair.path))
    return kind == "deleted" if pair.live is None else kind in ("added", "changed")


def _changed_for_podman(pair: Pair, evidence: EvidenceSet) -> bool:
    """Podman has no init layer: whatever differs from the image was written or deleted."""
    if pair.live is not None:
        return True
    nearest = next(filter(None, map(evidence.live.get, (*upwards(pair.path), "/"))), None)
    return nearest is None or nearest.note is None  # an unreadable directory may still hold it


def _made_again(path: str, facts: Facts) -> bool:
    """Whether a directory of the image was removed and made again: it is listed as changed, so the
    writable layer has it, and its number of links says that this layer alone makes it (Linux
    fs/overlayfs/inode.c ovl_getattr(): a merged directory has one link).
    """
    return (facts.changes or {}).get(path) == "changed" and path in facts.unmerged


def _is_kept(pair: Pair) -> bool:
    """Whether the path is a directory of the image, which the init layer keeps as it is."""
    return all(e is not None and e.kind is Kind.DIRECTORY for e in (pair.image, pair.live))


def _of_init(path: str, facts: Facts) -> Entry | None:
    """What the init layer makes at ``path``; None where it makes nothing that a container shows."""
    row = next((row for row in INIT_VISIBLE if row.path == path), None)
    if row is None:
        return None
    uid, gid = row.owner(IdMap(facts.container.uid_map), rootless=facts.engine.rootless)
    empty = hashlib.sha256().hexdigest() if row.kind is Kind.FILE else None
    return Entry(path, row.kind, row.mode, uid, gid, sha256=empty, target=row.target)


def _changed_of_init(pair: Pair, facts: Facts) -> Entry | None:
    """What the init layer made, where the engine lists it as changed."""
    changed = facts.engine.name == "docker" and (facts.changes or {}).get(pair.path) == "changed"
    return _of_init(pair.path, facts) if changed and not _is_kept(pair) else None


def _as_made(live: Entry, facts: Facts) -> bool:
    """Whether a directory of the init layer is as that layer made it, and listed as changed because
    something in it is new, such as a mountpoint of the runtime's.
    """
    made = _of_init(live.path, facts)
    if made is None or (made.kind, live.kind) != (Kind.DIRECTORY, Kind.DIRECTORY):
        return False
    as_made = (live.mode, live.uid, live.gid) == (made.mode, made.uid, made.gid)
    return as_made and not attributes(live) and (facts.changes or {}).get(live.path) == "changed"


def _counts_init(evidence: EvidenceSet) -> bool:
    # With the containerd image store, changes are counted from the image on, those of the init
    # layer included (moby v25.0 daemon/containerd/image_changes.go).
    return evidence.facts.engine.containerd_store
