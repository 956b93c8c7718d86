"""What a stream is, when it is no image archive: one line that says so."""

from __future__ import annotations

from collections.abc import Mapping

from scratchlab.collect.image import compression
from scratchlab.collect.image.candidate import ArchiveListing
from scratchlab.collect.image.members import Blobs
from scratchlab.collect.image.problems import DamageError, shown
from scratchlab.collect.image.stream import Cursor
from scratchlab.collect.image.tar import BLOCK, looks_like_tar
from scratchlab.errors import LabError

_REMEDY = "give what `docker save IMAGE` writes"
# What the root of nearly every exported container has: the engine makes it (moby
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


def start_of(cursor: Cursor, packing: str | None = None) -> bytes:
    """The first bytes of an archive, or of what was packed (``packing``: how).

    Raises LabError unless they can start an image archive.
    """
    inside = f"{packing} data of " if packing else ""
    try:
        start = cursor.peek(BLOCK)
    except DamageError as damage:
        raise LabError(f"the archive is damaged: {damage}", _REMEDY) from None
    if not start:
        raise LabError(f"this is no image archive: it is {inside or ''}empty", _REMEDY)
    if (packing is None and compression.detect(start)) or looks_like_tar(start):
        return start
    raise LabError(f"this is no image archive: it is {inside}{_kind(start)}", _REMEDY)


def not_an_image(blobs: Blobs, listed: Mapping[str, ArchiveListing]) -> LabError:
    """The error for a whole tar archive that lists no image."""
    if listed:
        sources = " and ".join(one.source for one in listed.values())
        verb = "list" if len(listed) > 1 else "lists"
        return LabError(f"the archive holds no image: its {sources} {verb} none", _REMEDY)
    if not blobs.count():
        return LabError("this is no image archive: it is a tar archive without files", _REMEDY)
    if blobs.has("repositories"):
        return LabError(
            "this is what docker save wrote before Docker 1.10: it has no manifest.json",
            "load it into an engine and save it again",
        )
    if blobs.has("blobs/sha256"):
        return LabError(
            "the archive holds blobs of images, and neither manifest.json nor index.json", _REMEDY
        )
    if any(map(blobs.has, _EXPORTED)):
        return LabError(
            "this is a container's filesystem as `docker export` writes it, no image archive",
            _REMEDY,
        )
    return LabError("this is a tar archive, and no image archive: it has no manifest.json", _REMEDY)


def _kind(start: bytes) -> str:
    for name, magic in compression.UNREADABLE.items():
        if start.startswith(magic):
            return f"compressed with {name}"
    for magic, kind in _MAGICS.items():
        if start.lstrip().startswith(magic):
            return kind
    return f"no tar archive (it starts with {shown(start[:8])})"
