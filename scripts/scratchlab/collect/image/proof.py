"""The layers of an image, each proved against the configuration, and a second opinion on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scratchlab.collect.image import candidate, members
from scratchlab.collect.image.candidate import ArchiveListing, Candidate
from scratchlab.collect.image.limits import MOST_LAYERS
from scratchlab.collect.image.members import Blob, Blobs, Form, quoted
from scratchlab.collect.image.problems import DamageError


def layers(image: Candidate, content: Mapping[str, Any], source: str, blobs: Blobs) -> list[Blob]:
    """The layers of ``image``, whose configuration is ``content``, lowest first.

    Each is there, is whole, and its unpacked content has the SHA-256 that the configuration gives
    at its place (``rootfs.diff_ids``); otherwise raises DamageError.
    """
    diff_ids = candidate.diff_ids(content)
    if not diff_ids and "rootfs" not in content:
        raise DamageError(f"the configuration {image.id} is of no image: it has no rootfs")
    if len(image.layers) != len(diff_ids):
        raise DamageError(
            f"{source} lists {len(image.layers)} layers, the configuration {len(diff_ids)}"
        )
    if len(diff_ids) > MOST_LAYERS:
        raise DamageError(f"the configuration has {len(diff_ids)} layers: no engine stacks as many")
    found = [_layer(name, index, blobs) for index, name in enumerate(image.layers)]
    said = [blob.diff_id for blob in found]
    for index, (blob, diff_id) in enumerate(zip(found, diff_ids, strict=True)):
        if blob.diff_id != diff_id:
            if Counter(said) == Counter(diff_ids):
                raise DamageError(
                    f"{source} lists the layers in another order than the configuration"
                )
            raise DamageError(
                f"layer {index} is not the one that the configuration names: it is "
                f"{blob.diff_id}, it should be {quoted(diff_id)}"
            )
    return found


def _layer(name: str, index: int, blobs: Blobs) -> Blob:
    blob = blobs.get(name)
    if blob is None:
        raise DamageError(f"layer {index}, {quoted(name)}, is not in it")
    if blob.fault is not None or blob.form is not Form.LAYER:
        raise DamageError(f"layer {index}, {quoted(name)}: {blob.fault or 'it is no tar archive'}")
    return blob


def second_opinions(
    image: Candidate, source: str, others: Iterable[ArchiveListing], blobs: Blobs
) -> list[str]:
    """How other documents of the archive disagree with ``source`` about ``image``, in words."""
    said: list[str] = []
    for listing in others:
        said += listing.problems
        same = [one for one in listing.images if one.id == image.id]
        if not same and listing.images:
            said.append(f"{listing.source} does not list the image {image.id} of {source}")
        for one in same:
            said += _disagreements(image, source, one, listing.source, blobs)
    return list(dict.fromkeys(said))


def _disagreements(
    image: Candidate, source: str, other: Candidate, other_source: str, blobs: Blobs
) -> list[str]:
    own, theirs = _digests(image.layers, blobs), _digests(other.layers, blobs)
    if own == theirs:
        return []
    if len(own) != len(theirs):
        return [
            f"{other_source} gives the image {len(theirs)} layers, {source} {len(own)}: the "
            f"configuration proves {source} right"
        ]
    if Counter(own) == Counter(theirs):
        return [
            f"{other_source} gives the layers in another order than {source}: the configuration "
            f"proves {source} right"
        ]
    return [
        f"{other_source} names another layer {index} than {source}: the configuration proves "
        f"{source} right"
        for index, (one, two) in enumerate(zip(own, theirs, strict=True))
        if one != two
    ]


def _digests(names: Sequence[str], blobs: Blobs) -> list[str]:
    found = []
    for name in names:
        try:
            blob = blobs.get(name)
        except DamageError:
            blob = None
        found.append(name if blob is None else blob.diff_id or blob.digest)
    return found


def history(content: Mapping[str, Any], count: int) -> list[str]:
    """Whether the configuration's history tells of as many layers as there are, in words."""
    told = members.sequence(content.get("history"), "the configuration's history")
    filled = [one for one in told if not (isinstance(one, dict) and one.get("empty_layer"))]
    if told and len(filled) != count:
        return [f"the history tells of {len(filled)} layers, the image has {count}"]
    return []
