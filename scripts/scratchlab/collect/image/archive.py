"""From an archive's stream, or an image's directory, to the image and its ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from scratchlab.collect.image import compression, identify, proof
from scratchlab.collect.image.blobs import Blob, Blobs
from scratchlab.collect.image.candidates import (
    ArchiveListing,
    Candidate,
    NoSuchImageError,
    choose,
    config_diff_ids,
    platform_of,
    read_config,
    relatives,
)
from scratchlab.collect.image.contents import ContentReader
from scratchlab.collect.image.formats import listings
from scratchlab.collect.image.identify import checked_start
from scratchlab.collect.image.layers.spool import LayerSpool
from scratchlab.collect.image.layers.stack import LayerStack
from scratchlab.collect.image.layout_directory import LayoutDirectory
from scratchlab.collect.image.limits import ArchiveLimits, UnpackBudget
from scratchlab.collect.image.platforms import Platform
from scratchlab.collect.image.problems import DamageError, Notes, display, refusal
from scratchlab.collect.image.stream import Cursor, HashThread, read_pieces
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Image

_NO_END = "the archive ends without its end marker: it may be truncated"
_WINDOWS = (
    "this is a Windows image: below /Files is its drive C:, below /Hives its registry; modes and"
    " owners are the tar's, and mean nothing there"
)


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """An image, its ledger, and the archive's format with its compression.

    ``format`` is ``docker-archive``, ``docker-archive + oci-archive``, ``oci-archive (gzip)``,
    ``oci-archive (directory)``.
    """

    image: Image
    ledger: Ledger
    format: str


def read_archive(
    stream: BinaryIO,
    *,
    reference: str | None = None,
    platform: Platform | None = None,
    diff_ids: tuple[str, ...] | None = None,
    progress: Callable[[int], None] | None = None,
    implied_kept: bool = False,
    limits: ArchiveLimits | None = None,
) -> ImageArchive:
    """Read the image archive in ``stream``, once and forward; nothing is unpacked to disk.

    ``reference`` (a tag, an id, or the start of one) and ``platform`` choose among several images.
    ``diff_ids``, the digests of the unpacked layers, are preferred where one has them.
    ``progress`` is called with the number of bytes so far. A directory without an entry in a layer
    that has entries below it is made again (0755, 0:0), as Docker does; with ``implied_kept`` it
    stays as the lower layer has it, as in containerd. Every layer is proved against the
    configuration. ``image.problems`` are contradictions inside the archive, ``image.notes`` are
    oddities that leave no doubt about the ledger. The ledger always has ``/``; its ``layer`` is
    None unless a layer describes it.

    Raises LabError when the stream is not an image archive, is damaged or truncated, has no such
    image, or exceeds ``limits``.
    """
    limits = limits or ArchiveLimits()
    cursor = Cursor(read_pieces(stream, progress))
    with _reading(limits, lambda: cursor.position) as (spool, blobs, contents):
        packing, members = _decompressed(cursor, limits)
        ended = contents.read(members)
        no_image = partial(identify.no_image_error, blobs)
        wanted = _Wanted(reference, platform, diff_ids)
        found = _read_image(spool, blobs, contents, wanted, no_image, implied_kept=implied_kept)
    return _named(found, packing) if ended else _named(found, packing, _NO_END)


def read_directory(
    path: str,
    *,
    reference: str | None = None,
    platform: Platform | None = None,
    progress: Callable[[int], None] | None = None,
    implied_kept: bool = False,
    limits: ArchiveLimits | None = None,
) -> ImageArchive:
    """Read the image in the directory ``path``: an OCI layout, or what skopeo writes to ``dir:``.

    Only the image that is chosen is read. Parameters, result and errors are those of
    :func:`read_archive`.
    """
    limits = limits or ArchiveLimits()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        remedy = "name the directory of an OCI layout, or an archive of docker save"
        raise LabError(f"cannot read {display(path)}: {error.strerror}", remedy) from error
    try:
        with _reading(limits, lambda: directory.stored) as (spool, blobs, contents):
            directory = LayoutDirectory(fd, blobs, limits, progress)
            blobs.load = lambda key: directory.load(key, contents.read_file)
            no_image = partial(identify.no_image_in_directory, blobs)
            wanted = _Wanted(reference, platform)
            found = _read_image(spool, blobs, contents, wanted, no_image, implied_kept=implied_kept)
    finally:
        os.close(fd)
    return _named(found, "directory")


@contextmanager
def _reading(
    limits: ArchiveLimits, packed: Callable[[], int]
) -> Iterator[tuple[LayerSpool, Blobs, ContentReader]]:
    """What holds the members of one archive, of which ``packed()`` bytes were read so far."""
    with closing(LayerSpool()) as spool, HashThread() as hashing:
        blobs = Blobs(spool, limits.documents)
        yield (
            spool,
            blobs,
            ContentReader(spool, blobs, hashing, UnpackBudget(limits, packed), limits),
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which image of an archive: one of this name or id, one for this platform, with these layers;
    None for any.
    """

    reference: str | None
    platform: Platform | None
    diff_ids: tuple[str, ...] | None = None


def _read_image(
    spool: LayerSpool,
    blobs: Blobs,
    contents: ContentReader,
    wanted: _Wanted,
    no_image: Callable[[dict[str, ArchiveListing]], LabError],
    *,
    implied_kept: bool,
) -> ImageArchive:
    try:
        name, image, layers = _proved_image(blobs, wanted, no_image)
        notes = Notes()
        stack = LayerStack(spool, contents.entries, notes, implied_kept=implied_kept)
        ledger = _stacked(stack, layers)
    except DamageError as damage:
        raise refusal(damage, "the image archive") from None
    return ImageArchive(replace(image, notes=image.notes + notes.sentences()), ledger, name)


def _named(found: ImageArchive, packing: str | None, *problems: str) -> ImageArchive:
    name = f"{found.format} ({packing})" if packing else found.format
    image = replace(found.image, problems=(*problems, *found.image.problems))
    return replace(found, image=image, format=name)


def _decompressed(cursor: Cursor, limits: ArchiveLimits) -> tuple[str | None, Cursor]:
    """The compression format of the whole archive (``docker save | gzip``), if any; its members."""
    packing = compression.detect(checked_start(cursor))
    if packing is None:
        return None, cursor
    budget = UnpackBudget(limits, lambda: cursor.position)
    members = Cursor(budget.guard(compression.decompress(packing, cursor)))
    checked_start(members, packing)
    return packing, members


def _proved_image(
    blobs: Blobs, wanted: _Wanted, no_image: Callable[[dict[str, ArchiveListing]], LabError]
) -> tuple[str, Image, list[Blob]]:
    """The name of the archive's format, the image, and its layers, lowest first."""
    listed = listings(blobs)
    sources = list(listed.values())
    if not any(listing.images for listing in sources):
        raise no_image(listed)
    believed, chosen = _chosen(sources, wanted, blobs)
    config = read_config(blobs, chosen.config)
    layers = proof.proved_layers(chosen, config, believed.source, blobs)
    problems = [*believed.problems, *proof.disagreements(chosen, believed.source, sources, blobs)]
    notes = _remarks(chosen, believed, sources, wanted, blobs)
    notes += proof.history_notes(config, len(layers))
    for index, layer in enumerate(layers):
        notes += [f"layer {index}: {note}" for note in layer.notes]
    image = Image(
        id=chosen.id,
        tags=chosen.tags,
        diff_ids=config_diff_ids(config),
        config=dict(config),
        problems=tuple(problems),
        notes=tuple(notes),
    )
    return " + ".join(listed), image, layers


def _chosen(
    sources: Sequence[ArchiveListing], wanted: _Wanted, blobs: Blobs
) -> tuple[ArchiveListing, Candidate]:
    """The image that is ``wanted``, and the document to believe: the first that lists it."""
    if wanted.diff_ids is not None:
        for listing in sources:
            for image in listing.images:
                if config_diff_ids(read_config(blobs, image.config)) == wanted.diff_ids:
                    return listing, image
    failure: LabError | None = None
    for listing in sources:
        if not listing.images:
            continue
        try:
            platforms = partial(platform_of, blobs)
            return listing, choose(listing, wanted.reference, wanted.platform, platforms)
        except NoSuchImageError as error:
            failure = failure or error
    raise failure or LabError("the archive contains no image")


def _remarks(
    chosen: Candidate,
    believed: ArchiveListing,
    sources: Sequence[ArchiveListing],
    wanted: _Wanted,
    blobs: Blobs,
) -> list[str]:
    """What leaves no doubt about the image: what else was there to choose, and what it is for."""
    remarks = []
    own = platform_of(blobs, chosen)
    asked = wanted.platform or wanted.diff_ids is not None
    others = [] if asked else relatives(chosen, sources)
    if others and not (wanted.reference and wanted.reference.startswith("sha256:")):
        names = ", ".join(dict.fromkeys(display(str(platform_of(blobs, one))) for one in others))
        remarks.append(
            f"the archive also contains the image for {names}: {display(str(own))} was read,"
            " --platform reads another"
        )
    if sources[0] is not believed and not sources[0].images:
        remarks.append(f"{sources[0].source} lists no image: {believed.source} was used")
    if own.os == "windows":
        remarks.append(_WINDOWS)
    return remarks


def _stacked(stack: LayerStack, layers: Sequence[Blob]) -> Ledger:
    ledger = Ledger()
    try:
        ledger.update(stack.entries([layer.id for layer in layers]))
        ledger.put_histories(stack.histories())
    except BaseException:
        ledger.close()
        raise
    return ledger
