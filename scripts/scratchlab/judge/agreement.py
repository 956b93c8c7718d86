"""Prediction against evidence: whether they agree, and a sentence where they do not."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from scratchlab.judge.cause import Cause
from scratchlab.judge.mount_origins import MADE_LATER
from scratchlab.judge.paths import upwards
from scratchlab.judge.prediction.predictions import Prediction, Predictions
from scratchlab.model import Entry, Mount, Origin

AGREES = "agrees"
NONE = "none"  # nothing was predicted, and nothing had to be

_DEV = "/dev"  # a mount whose content the runtime makes
# What these make follows from configuration and version, so a complete prediction names it.
_PREDICTABLE = frozenset({
    Origin.STORAGE_DRIVER, Origin.ENGINE_INIT_LAYER, Origin.ENGINE_CREATE,
    Origin.RUNTIME_MOUNTPOINT, Origin.ENGINE_MOUNT, Origin.RUNTIME_FILESYSTEM,
    Origin.RUNTIME_DEVICE, Origin.RUNTIME_MASK, Origin.USER_MOUNT,
})  # fmt: skip


def of_entry(
    predictions: Predictions,
    live: Entry,
    mount: Mount | None,
    cause: Cause,
    origins_at: Collection[Origin] = (),
) -> str:
    """How the prediction for ``live`` (on ``mount``) compares with the ``cause`` that was found:
    AGREES, NONE, or a sentence. ``origins_at`` are the origins of all mounts on its path.
    """
    sentences = [cause.doubt] if cause.doubt else []
    prediction = predictions.by_path.get(live.path)
    if prediction is None:
        predictable = cause.origin in _PREDICTABLE and not _inside(predictions, mount, live)
        if predictions.complete and predictable:
            sentences.append(f"not predicted: no rule expects {cause.origin} at this path")
        return "; ".join(sentences) or NONE
    if cause.origin in MADE_LATER and (prediction.mount is None or prediction.origin in origins_at):
        # What was predicted is there, and was covered since the start: that is drift.
        return cause.doubt or NONE
    sentences += _other_origin(prediction, cause)
    sentences += prediction.contradictions(live, mount)
    return "; ".join(sentences) or AGREES


def of_mount(
    predictions: Predictions, mount: Mount, cause: Cause, origins_at: Collection[Origin] = ()
) -> str:
    """The same for a mount that has no entry in the live root."""
    sentences = [cause.doubt] if cause.doubt else []
    prediction = _of_stacked(predictions, mount, cause)
    if prediction is None:
        if predictions.complete and cause.origin is Origin.RUNTIME_MASK:
            sentences.append("not predicted: the engine's lists do not have this path")
        return "; ".join(sentences) or NONE
    if cause.origin in MADE_LATER and prediction.origin in origins_at:
        return cause.doubt or NONE
    sentences += _other_origin(prediction, cause)
    sentences += prediction.mount_contradictions(mount)
    return "; ".join(sentences) or AGREES


def _of_stacked(predictions: Predictions, mount: Mount, cause: Cause) -> Prediction | None:
    """The prediction for a mount that has no entry: at its target there may be several."""
    stacked = list(predictions.below.get(mount.target, ()))
    top = predictions.by_path.get(mount.target)
    if top is not None and not top.has_entry:
        stacked.append(top)
    same = [prediction for prediction in stacked if prediction.origin is cause.origin]
    return next(iter(same or stacked), None)


def of_missing(prediction: Prediction) -> str:
    """The sentence for a path that was predicted and that the container does not have."""
    return f"predicted {prediction.origin}, but missing"


def _other_origin(prediction: Prediction, cause: Cause) -> list[str]:
    if prediction.origin is (cause.place or cause.origin):
        return []
    return [f"predicted as {prediction.origin}, found as {cause.origin}"]


def _inside(predictions: Predictions, mount: Mount | None, live: Entry) -> bool:
    """Whether an entry lies inside a mount whose content no rule predicts."""
    if mount is None or (mount.target in ("/", _DEV) and not _is_users(predictions, _DEV)):
        return False
    users = partial(_is_users, predictions)
    return live.path != mount.target or any(map(users, upwards(live.path)))


def _is_users(predictions: Predictions, path: str) -> bool:
    prediction = predictions.by_path.get(path)
    return prediction is not None and prediction.origin is Origin.USER_MOUNT
