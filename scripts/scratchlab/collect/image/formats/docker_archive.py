"""``manifest.json``: docker save since 1.10, podman, skopeo, buildx, crane, kaniko.

Source: moby image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

from typing import Any

from scratchlab.collect.image import members
from scratchlab.collect.image.candidate import ArchiveListing, Candidate, image_id
from scratchlab.collect.image.limits import MOST_IMAGES
from scratchlab.collect.image.members import Blobs, Form
from scratchlab.collect.image.problems import DamageError

SOURCE = "manifest.json"


def images(blobs: Blobs) -> ArchiveListing | None:
    """The images that manifest.json lists; None when there is none. Raises DamageError."""
    blob = blobs.get(SOURCE)
    if blob is None:
        return None
    if blob.form is not Form.DOCUMENT:
        raise DamageError(f"{SOURCE} is no JSON document")
    listed = members.sequence(blobs.document(blob, SOURCE), SOURCE)
    if len(listed) > MOST_IMAGES:
        raise DamageError(f"{SOURCE} lists more than {MOST_IMAGES} images")
    return ArchiveListing(SOURCE, tuple(_image(blobs, one) for one in listed))


def _image(blobs: Blobs, listed: Any) -> Candidate:
    item = members.mapping(listed, f"an image of {SOURCE}")
    name = members.text(item.get("Config"), f"an image's Config in {SOURCE}")
    return Candidate(
        id=image_id(blobs, name),
        config=name,
        layers=members.texts(item.get("Layers"), f"Layers in {SOURCE}"),
        tags=members.texts(item.get("RepoTags"), f"RepoTags in {SOURCE}"),
    )
