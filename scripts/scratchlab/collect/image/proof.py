"""Prove an image's layers against its configuration, and report what other documents claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scratchlab.collect.image import media_types
from scratchlab.collect.image.blobs import Blob, Blobs, Form, json_array
from scratchlab.collect.image.candidates import (
    ArchiveListing,
    Candidate,
    LayerSource,
    config_diff_ids,
    relatives,
)
from scratchlab.collect.image.limits import MOST_LAYERS
from scratchlab.collect.image.problems import DamageError, UnreadableError, display


def proved_layers(
    image: Candidate, config: Mapping[str, Any], source: str, blobs: Blobs
) -> list[Blob]:
    """The layers of ``image``, whose configuration is ``config``, lowest first.

    Each is there and whole, and its unpacked content has the SHA-256 that the configuration has
    at its place (``rootfs.diff_ids``); otherwise raises DamageError. ``source`` is the name of the
    document that lists the layers.
    """
    diff_ids = config_diff_ids(config)
    if not diff_ids and "rootfs" not in config:
        raise UnreadableError(
            f"{image.id} in the archive is not an image: its configuration has no rootfs",
            "pass an archive of an image",
        )
    if len(image.layers) != len(diff_ids):
        raise DamageError(
            f"{source} lists {len(image.layers)} layers, the configuration {len(diff_ids)}"
        )
    if len(diff_ids) > MOST_LAYERS:
        raise DamageError(
            f"the configuration has {len(diff_ids)} layers, more than any engine stacks"
        )
    sources = image.sources or (LayerSource(),) * len(image.layers)
    layers = [
        _layer(name, index, said, blobs)
        for index, (name, said) in enumerate(zip(image.layers, sources, strict=True))
    ]
    actual = [layer.diff_id for layer in layers]
    for index, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True)):
        if layer.diff_id != diff_id:
            if Counter(actual) == Counter(diff_ids):
                raise DamageError(
                    f"{source} lists the layers in another order than the configuration"
                )
            raise DamageError(
                f"layer {index} is not the configuration's: its digest is {layer.diff_id} and "
                f"should be {display(diff_id)}"
            )
    return layers


def _layer(name: str, index: int, said: LayerSource, blobs: Blobs) -> Blob:
    what = f"layer {index}, {display(name)},"
    blob = blobs.get(name)
    if blob is None:
        if said.urls or media_types.is_foreign(said.media_type):
            places = " or ".join(map(display, said.urls)) or "where its vendor has it"
            raise UnreadableError(
                f"{what} is foreign: the archive leaves it out",
                f"fetch it from {places}, and add it to the archive as {display(name)}",
            )
        raise UnreadableError(
            f"the archive is incomplete: {what} is missing", "save the image again, whole"
        )
    if media_types.is_encrypted(said.media_type):
        raise UnreadableError(
            f"{what} is encrypted ({display(said.media_type)})",
            "decrypt the image first: skopeo copy --decryption-key KEY",
        )
    if blob.form is Form.LAYER and blob.fault is None:
        return blob
    if blob.form is not Form.LAYER and not media_types.is_tar(said.media_type):
        raise UnreadableError(
            f"{what} is of the type {display(said.media_type)}, which is not a tar archive",
            "convert the image to tar layers first",
        )
    if blob.remedy:
        raise UnreadableError(f"{what} cannot be read: {blob.fault}", blob.remedy)
    raise DamageError(f"layer {index}, {display(name)}: {blob.fault or 'not a tar file'}")


def disagreements(
    image: Candidate, source: str, listings: Sequence[ArchiveListing], blobs: Blobs
) -> list[str]:
    """How the other ``listings`` disagree with ``source`` about ``image``: sentences.

    One that lists another platform of the image alone does not: containerd writes manifest.json
    for one platform (containerd v1.7 archive/exporter.go).
    """
    problems: list[str] = []
    platforms = {candidate.id for candidate in relatives(image, listings)}
    for listing in listings:
        if listing.source == source:
            continue
        problems += listing.problems
        same = [candidate for candidate in listing.images if candidate.id == image.id]
        listed = {candidate.id for candidate in listing.images}
        if not same and listed and not listed & platforms:
            problems.append(f"{listing.source} does not list the image {image.id} of {source}")
        for candidate in same:
            problems += _layer_disagreements(image, source, candidate, listing.source, blobs)
    return list(dict.fromkeys(problems))


def _layer_disagreements(
    image: Candidate, source: str, other: Candidate, other_source: str, blobs: Blobs
) -> list[str]:
    own, theirs = _digests(image.layers, blobs), _digests(other.layers, blobs)
    if own == theirs:
        return []
    verdict = f"the configuration proves {source} right"
    if len(own) != len(theirs):
        return [
            f"{other_source} lists {len(theirs)} layers for the image, {source} {len(own)}: "
            f"{verdict}"
        ]
    if Counter(own) == Counter(theirs):
        return [f"{other_source} lists the layers in another order than {source}: {verdict}"]
    return [
        f"{other_source} lists another layer {index} than {source}: {verdict}"
        for index, (one, two) in enumerate(zip(own, theirs, strict=True))
        if one != two
    ]


def _digests(members: Sequence[str], blobs: Blobs) -> list[str]:
    digests = []
    for name in members:
        try:
            blob = blobs.get(name)
        except DamageError:
            blob = None
        digests.append(name if blob is None else blob.diff_id or blob.digest)
    return digests


def history_notes(config: Mapping[str, Any], layers: int) -> list[str]:
    """Whether the configuration's history has as many entries as there are ``layers``."""
    history = json_array(config.get("history"), "the configuration's history")
    filled = [step for step in history if not (isinstance(step, dict) and step.get("empty_layer"))]
    if history and len(filled) != layers:
        return [f"the image's history has {len(filled)} layers, the image has {layers}"]
    return []
