"""What a stream is when it is not an image archive, as an error of one line."""

from __future__ import annotations

from collections.abc import Mapping

from scratchlab.collect.image import compression
from scratchlab.collect.image.blobs import Blobs
from scratchlab.collect.image.candidates import ArchiveListing
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.collect.image.stream import Cursor
from scratchlab.collect.image.tar import BLOCK, looks_like_tar
from scratchlab.errors import LabError

_REMEDY = "pass the output of `docker save IMAGE`"
# Nearly every exported container has one of these: the engine makes them (moby
# daemon/initlayer/setup_unix.go).
_EXPORTED = (".dockerenv", "etc/hostname", "run/.containerenv")
_MAGICS = {
    b"PK\x03\x04": "a zip file",
    b"\x7fELF": "a program (ELF)",
    b"hsqs": "a squashfs image",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"{": "a JSON document",
}


def checked_start(cursor: Cursor, packing: str | None = None) -> bytes:
    """The first bytes of an archive; with ``packing``, of what was decompressed from that format.

    Raises LabError unless they can start an image archive.
    """
    try:
        start = cursor.peek(BLOCK)
    except DamageError as damage:
        raise LabError(f"the archive is damaged: {damage}", _REMEDY) from None
    if start and (looks_like_tar(start) or (packing is None and compression.detect(start))):
        return start
    kind = _kind(start)
    if packing is None:
        raise LabError(f"not an image archive: {kind}", _REMEDY)
    if kind.startswith("not "):
        kind = f"something that is {kind}"
    raise LabError(f"not an image archive: {packing} data of {kind}", _REMEDY)


def no_image_error(blobs: Blobs, listings: Mapping[str, ArchiveListing]) -> LabError:
    """The error for a whole tar archive that lists no image."""
    if listings:
        sources = " and ".join(listing.source for listing in listings.values())
        verb = "list" if len(listings) > 1 else "lists"
        return LabError(f"the archive contains no image: its {sources} {verb} none", _REMEDY)
    if not blobs.count():
        return LabError("not an image archive: a tar file without files in it", _REMEDY)
    if blobs.has("repositories"):
        return LabError(
            "the archive was written by docker save before Docker 1.10: it has no manifest.json",
            "load it into an engine and save it again",
        )
    if blobs.has("blobs/sha256"):
        return LabError(
            "the archive contains image blobs, but neither manifest.json nor index.json", _REMEDY
        )
    if any(map(blobs.has, _EXPORTED)):
        return LabError(
            "not an image archive: a container's filesystem as `docker export` writes it", _REMEDY
        )
    return LabError("not an image archive: a tar file without manifest.json", _REMEDY)


def _kind(start: bytes) -> str:
    if not start:
        return "an empty file"
    packing = compression.detect_unreadable(start)
    if packing is not None:
        return f"a file compressed with {packing}"
    for magic, kind in _MAGICS.items():
        if start.lstrip().startswith(magic):
            return kind
    return f"not a tar file (it starts with {display(start[:8])})"
