"""What a stream is when it is not an image archive, as an error of one line."""

from __future__ import annotations

from collections.abc import Mapping

from scratchlab.collect.image import compression
from scratchlab.collect.image.blobs import Blobs
from scratchlab.collect.image.candidates import ArchiveListing
from scratchlab.collect.image.problems import DamageError, display, refusal
from scratchlab.collect.image.stream import Cursor
from scratchlab.collect.image.tar import BLOCK, looks_like_tar
from scratchlab.errors import LabError

_REMEDY = "pass the output of `docker save IMAGE`"
# Nearly every exported container has one of these: the engine makes them (moby
# daemon/initlayer/setup_unix.go).
_EXPORTED = (".dockerenv", "etc/hostname", "run/.containerenv")
# One of these is in nearly every root filesystem, and so in the first layer of an image.
_OF_A_ROOT = ("etc", "usr", "bin", "lib", "var", "sbin", "Files", "Hives")
_BARE = "without the image's manifest and configuration"
_MOST_KINDS = 5
_MAGICS = {
    b"!<arch>": "a Debian package or another ar archive",
    b"\xed\xab\xee\xdb": "an RPM package",
    b"07070": "a cpio archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z file",
    b"Rar!": "a RAR file",
    b"QFI\xfb": "a disk image (qcow2)",
    b"KDMV": "a disk image (VMDK)",
    b"#!": "a script",
    b"MZ": "a program of Windows",
    b"\0asm": "a WebAssembly module",
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
        raise refusal(damage, "the archive", _REMEDY) from None
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
        return _lists_none(listings)
    if not blobs.count():
        return LabError("not an image archive: a tar file without files in it", _REMEDY)
    if blobs.has("repositories"):
        return _old()
    if blobs.has("blobs/sha256"):
        return LabError(
            "the archive contains image blobs, but neither manifest.json nor index.json", _REMEDY
        )
    if any(map(blobs.has, _EXPORTED)):
        return LabError(
            "not an image archive: a container's filesystem as `docker export` writes it", _REMEDY
        )
    if blobs.has("stargz.index.json"):
        return LabError(f"not an image archive: an eStargz layer alone, {_BARE}", _REMEDY)
    if blobs.has_name_with(b".wh."):
        return LabError(f"not an image archive: a layer alone (it has whiteouts), {_BARE}", _REMEDY)
    if any(map(blobs.has, _OF_A_ROOT)):
        return LabError(
            "not an image archive: a root filesystem or a layer alone, a tar file without "
            "manifest.json or index.json",
            _REMEDY,
        )
    return LabError("not an image archive: a tar file without manifest.json", _REMEDY)


def no_image_in_directory(blobs: Blobs, listings: Mapping[str, ArchiveListing]) -> LabError:
    """The error for a directory that lists no image."""
    if listings:
        return _lists_none(listings)
    if blobs.get("repositories") is not None:
        return _old()
    if blobs.get("config.json") is not None:
        return LabError(
            "not an image: a directory with config.json, as of an OCI bundle, without index.json",
            "pass the image that it was unpacked from",
        )
    return LabError(
        "not an image: a directory without index.json or manifest.json",
        "pass the directory of an OCI layout, or the output of `docker save IMAGE`",
    )


def _lists_none(listings: Mapping[str, ArchiveListing]) -> LabError:
    artifacts = [one for listing in listings.values() for one in listing.artifacts]
    kinds = list(dict.fromkeys(one.kind for one in artifacts))
    if kinds:
        more = f", and {len(kinds) - _MOST_KINDS} more" if len(kinds) > _MOST_KINDS else ""
        noun = "an artifact" if len(artifacts) == 1 else "artifacts"
        return LabError(
            f"the archive contains no image, but {noun}: {', '.join(kinds[:_MOST_KINDS])}{more}",
            "only an image has a root filesystem",
        )
    sources = " and ".join(listing.source for listing in listings.values())
    verb = "list" if len(listings) > 1 else "lists"
    return LabError(f"the archive contains no image: its {sources} {verb} none", _REMEDY)


def _old() -> LabError:
    return LabError(
        "the archive was written by docker save before Docker 1.10: it has no manifest.json",
        "load it into an engine and save it again",
    )


def _kind(start: bytes) -> str:
    if not start:
        return "an empty file"
    packing = compression.detect_unreadable(start) or compression.detect(start)
    if packing is not None:
        return f"a file compressed with {packing}"
    for magic, kind in _MAGICS.items():
        if start.lstrip().startswith(magic):
            return kind
    return f"not a tar file (it starts with {display(start[:8])})"
