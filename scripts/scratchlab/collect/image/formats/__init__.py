"""Formats of image archives: one module each, and one line in the registry.

A format looks at the members and gives the images that they are of, or None when the archive is
not in this format. The formats that come first are believed, the others are second opinions.
"""

from __future__ import annotations

from collections.abc import Callable

from scratchlab.collect.image.candidate import ArchiveListing
from scratchlab.collect.image.formats import docker_archive, oci_archive
from scratchlab.collect.image.members import Blobs

__all__ = ["FORMATS", "listings"]

FORMATS: dict[str, Callable[[Blobs], ArchiveListing | None]] = {
    "docker-archive": docker_archive.images,
    "oci-archive": oci_archive.images,
}


def listings(blobs: Blobs) -> dict[str, ArchiveListing]:
    """What each format that is there says, by the format's name; raises DamageError."""
    found = {name: images(blobs) for name, images in FORMATS.items()}
    return {name: listing for name, listing in found.items() if listing is not None}
