"""What the layers above the image hold, by elimination, where their directories cannot be read.

A root is the image, the engine's init layer (Docker's only) and the writable layer. What differs
from the image and is among the changes that the engine counts (``docker diff``) is of the writable
layer; what differs, is not counted and is on the list of what the init layer holds is of that.
Without the engine's count, or by no list, an entry stays unexplained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from scratchlab.evidence import EvidenceSet
from scratchlab.idmap import IdMap
from scratchlab.judge.compare import Pair, compare
from scratchlab.judge.rules.docker import INIT_RULES
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Evidence, Kind, Status

# A whiteout of overlayfs, the form that both kinds of evidence share.
_WHITEOUT = Entry("/", Kind.CHAR, 0, device=(0, 0))
_BYTES = re.compile("[\udc80-\udcff]")


def eliminated(seen: EvidenceSet) -> EvidenceSet:
    """``seen``, with the layers' ledgers as far as they follow from what else is known."""
    facts = seen.facts
    docker = facts.engine.name == "docker"
    if facts.container.vantage != "debug" or (docker and facts.changes is None):
        return seen
    top = seen.live.get("/")
    init, writable = Ledger(), Ledger()
    for pair in compare(seen.image, seen.live, IdMap(facts.container.uid_map)):
        if pair.status is Status.SAME or pair.path == "/":
            continue
        changed = _changed(pair, facts.changes or {}) if docker else _other(pair, seen)
        if pair.live is None:
            if changed:
                writable.put(replace(_WHITEOUT, path=pair.path))
        elif top is None or pair.live.mount != top.mount:
            continue
        elif docker and pair.path in INIT_RULES and not (changed and not _counts_init(seen)):
            init.put(pair.live)
        elif changed:
            writable.put(pair.live)
    return replace(seen, init=init if docker else None, writable=writable)


def evidence(seen: EvidenceSet, path: str, *, writable: bool) -> Evidence:
    """Why ``path`` is of the writable layer, or of the init layer."""
    if seen.facts.engine.name != "docker":
        detail = f"{path} is not as the image has it, and there is no other layer"
    elif writable:
        detail = f"the engine counts {path} among the container's changes"
    else:
        detail = f"{path} is not the image's, and the engine does not count it as a change"
    return Evidence("changes", detail)


def _changed(pair: Pair, changes: Mapping[str, str]) -> bool:
    # In JSON, a byte that is no UTF-8 comes as a replacement character (Go's encoding/json).
    kind = changes.get(_BYTES.sub("\ufffd", pair.path))
    return kind == "deleted" if pair.live is None else kind in ("added", "changed")


def _other(pair: Pair, seen: EvidenceSet) -> bool:
    """Podman has no layer between: what is not the image's was written, or taken away."""
    if pair.live is not None:
        return True
    above = seen.live.get(pair.path.rpartition("/")[0] or "/")
    return above is None or above.note is None  # a directory that was read holds all it has


def _counts_init(seen: EvidenceSet) -> bool:
    # With the containerd image store changes are counted from the image on, the init layer's
    # among them (moby v25.0 daemon/containerd/image_changes.go).
    return seen.facts.engine.containerd_store
