"""Prediction against evidence: two roads to one answer, and a sentence where they part."""

from __future__ import annotations

from functools import partial

from scratchlab.judge.cause import Cause
from scratchlab.judge.paths import upwards
from scratchlab.judge.prediction.plan import Expected
from scratchlab.model import Entry, Mount, Origin

_DEV = "/dev"  # a mount whose content a runtime makes
AGREES = "agrees"
NONE = "none"  # nothing was predicted, and nothing had to be

# Whoever these are, what they do follows from configuration and version: it must be predicted.
_PREDICTABLE = frozenset({
    Origin.STORAGE_DRIVER, Origin.ENGINE_INIT_LAYER, Origin.ENGINE_CREATE,
    Origin.RUNTIME_MOUNTPOINT, Origin.ENGINE_MOUNT, Origin.RUNTIME_FILESYSTEM,
    Origin.RUNTIME_DEVICE, Origin.RUNTIME_MASK, Origin.USER_MOUNT,
})  # fmt: skip


def of_entry(expected: Expected, live: Entry, mount: Mount | None, cause: Cause) -> str:
    """How the prediction for a live entry compares with what was found."""
    said = [cause.doubt] if cause.doubt else []
    predicted = expected.predictions.get(live.path)
    if predicted is None:
        predictable = cause.origin in _PREDICTABLE and not _inside(expected, mount, live)
        if expected.complete and predictable:
            said.append(f"not predicted: nothing promised a {cause.origin} there")
        return "; ".join(said) or NONE
    if predicted.origin is not cause.origin:
        said.append(f"predicted as {predicted.origin}, found as {cause.origin}")
    said += predicted.contradictions(live, mount)
    return "; ".join(said) or AGREES


def of_mount(expected: Expected, mount: Mount, cause: Cause) -> str:
    """The same for a mount that no entry of the live root stands for."""
    said = [cause.doubt] if cause.doubt else []
    predicted = expected.predictions.get(mount.target)
    if predicted is None or predicted.walked:
        if expected.complete and cause.origin is Origin.RUNTIME_MASK:
            said.append("not predicted: this path is not on the engine's list")
        return "; ".join(said) or NONE
    if predicted.origin is not cause.origin:
        said.append(f"predicted as {predicted.origin}, found as {cause.origin}")
    said += predicted.mount_contradictions(mount)
    return "; ".join(said) or AGREES


def _inside(expected: Expected, mount: Mount | None, live: Entry) -> bool:
    """Whether an entry lies inside somebody's mount, whose content nobody can predict."""
    if mount is None or (mount.target in ("/", _DEV) and not _is_users(expected, _DEV)):
        return False
    return live.path != mount.target or any(map(partial(_is_users, expected), upwards(live.path)))


def _is_users(expected: Expected, path: str) -> bool:
    predicted = expected.predictions.get(path)
    return predicted is not None and predicted.origin is Origin.USER_MOUNT
