"""``manifest.json``: docker save since 1.10, podman, skopeo, buildx, crane, kaniko.

Source: moby image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

from typing import Any

from scratchlab.collect.archives import documents
from scratchlab.collect.archives.blobs import Blobs, Form
from scratchlab.collect.archives.damage import DamageError
from scratchlab.collect.archives.formats.candidate import Candidate, Listing, image_id
from scratchlab.collect.archives.limits import MOST_IMAGES

SOURCE = "manifest.json"


def images(blobs: Blobs) -> Listing | None:
    """The images that manifest.json lists; None when there is none. Raises DamageError."""
    blob = blobs.get(SOURCE)
    if blob is None:
        return None
    if blob.form is not Form.DOCUMENT:
        raise DamageError(f"{SOURCE} is no JSON document")
    listed = documents.sequence(blobs.document(blob, SOURCE), SOURCE)
    if len(listed) > MOST_IMAGES:
        raise DamageError(f"{SOURCE} lists more than {MOST_IMAGES} images")
    return Listing(SOURCE, tuple(_image(blobs, one) for one in listed))


def _image(blobs: Blobs, listed: Any) -> Candidate:
    item = documents.mapping(listed, f"an image of {SOURCE}")
    name = documents.text(item.get("Config"), f"an image's Config in {SOURCE}")
    return Candidate(
        id=image_id(blobs, name),
        config=name,
        layers=documents.texts(item.get("Layers"), f"Layers in {SOURCE}"),
        tags=documents.texts(item.get("RepoTags"), f"RepoTags in {SOURCE}"),
    )
