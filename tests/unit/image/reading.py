"""Read archives made by hand, and summarize the result."""

from __future__ import annotations

import io
from typing import Any

from scratchlab.collect.image import ImageArchive, read_archive
from scratchlab.model import Entry

from .archives import classic, image


def read(data: bytes, **options: Any) -> ImageArchive:
    """Read an archive from memory."""
    return read_archive(io.BytesIO(data), **options)


def stack(*layers: bytes, **options: Any) -> ImageArchive:
    """The image of these layers, by way of a classic archive."""
    return read(classic(image(*layers)), **options)


def entries(found: ImageArchive) -> dict[str, Entry]:
    """The entries by path, without the root."""
    return {entry.path: entry for entry in found.ledger if entry.path != "/"}


def paths(found: ImageArchive) -> list[str]:
    """The paths in order, without the root."""
    return list(entries(found))
