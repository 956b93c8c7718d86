"""An image that an archive says it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scratchlab.collect.archives import documents
from scratchlab.collect.archives.blobs import Blobs, Form
from scratchlab.collect.archives.damage import DamageError
from scratchlab.collect.archives.documents import quoted


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image by one document's word.

    ``id`` is the SHA-256 of the configuration; ``layers`` names members, lowest first;
    ``aliases`` are digests of the manifest and of the indexes that lead to it.
    """

    id: str
    config: Mapping[str, Any]
    layers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def platform(self) -> str:
        """As in ``docker --platform``: ``linux/amd64``."""
        parts = (self.config.get(one) for one in ("os", "architecture", "variant"))
        return "/".join(str(part) for part in parts if part)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """What the configuration says of the layers; raises DamageError when it is malformed."""
        rootfs = documents.mapping(self.config.get("rootfs"), "the configuration's rootfs")
        return documents.texts(rootfs.get("diff_ids"), "rootfs.diff_ids")


@dataclass(frozen=True, slots=True)
class Listing:
    """What one document lists. ``source`` is the document's name."""

    source: str
    images: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()


def config(blobs: Blobs, name: str) -> tuple[str, Mapping[str, Any]]:
    """The id and the content of the image configuration ``name``; raises DamageError."""
    blob = blobs.get(name)
    if blob is None:
        raise DamageError(f"the configuration {quoted(name)} is not in it")
    if blob.form is not Form.DOCUMENT:
        raise DamageError(f"{quoted(name)} is no image configuration")
    found = documents.parse(blob.data, f"the configuration {quoted(name)}")
    return blob.digest, documents.mapping(found, f"the configuration {quoted(name)}")
