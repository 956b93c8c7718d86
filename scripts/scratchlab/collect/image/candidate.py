"""An image that an archive says it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scratchlab.collect.image import members
from scratchlab.collect.image.members import Blob, Blobs, Form, quoted
from scratchlab.collect.image.problems import DamageError


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image by one document's word.

    ``id`` is the SHA-256 of the configuration, which is the member ``config``; ``layers`` names
    members, lowest first; ``aliases`` are digests of the manifest and of the indexes that lead to
    it.
    """

    id: str
    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveListing:
    """What one document lists. ``source`` is the document's name."""

    source: str
    images: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()


def image_id(blobs: Blobs, name: str) -> str:
    """The id of the image whose configuration is the member ``name``; raises DamageError."""
    return _config(blobs, name).digest


def config(blobs: Blobs, name: str) -> Mapping[str, Any]:
    """The image configuration ``name``; raises DamageError."""
    what = f"the configuration {quoted(name)}"
    return members.mapping(blobs.document(_config(blobs, name), what), what)


def platform(content: Mapping[str, Any]) -> str:
    """The platform of an image by its configuration, as ``docker --platform`` has it."""
    parts = (content.get(one) for one in ("os", "architecture", "variant"))
    return "/".join(str(part) for part in parts if part)


def diff_ids(content: Mapping[str, Any]) -> tuple[str, ...]:
    """What an image's configuration says of its layers; raises DamageError when it is malformed."""
    rootfs = members.mapping(content.get("rootfs"), "the configuration's rootfs")
    return members.texts(rootfs.get("diff_ids"), "rootfs.diff_ids")


def _config(blobs: Blobs, name: str) -> Blob:
    blob = blobs.get(name)
    if blob is None:
        raise DamageError(f"the configuration {quoted(name)} is not in it")
    if blob.form is not Form.DOCUMENT:
        raise DamageError(f"{quoted(name)} is no image configuration")
    return blob
