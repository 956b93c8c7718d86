"""From an archive's stream to the image and its ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

from scratchlab.collect.image import compression, proof
from scratchlab.collect.image.blobs import Blob, Blobs
from scratchlab.collect.image.candidates import (
    choose,
    config_diff_ids,
    config_platform,
    read_config,
)
from scratchlab.collect.image.contents import ContentReader
from scratchlab.collect.image.formats import listings
from scratchlab.collect.image.identify import checked_start, no_image_error
from scratchlab.collect.image.layers.spool import LayerSpool
from scratchlab.collect.image.layers.stack import LayerStack
from scratchlab.collect.image.limits import ArchiveLimits, UnpackBudget
from scratchlab.collect.image.problems import DamageError, Notes
from scratchlab.collect.image.stream import Cursor, HashThread, read_pieces
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Image

_NO_END = "the archive ends without its end marker: it may be truncated"


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """An image, its ledger, and the archive's format with its compression.

    ``format`` is ``docker-archive``, ``docker-archive + oci-archive``, ``oci-archive (gzip)``.
    """

    image: Image
    ledger: Ledger
    format: str


def read_archive(
    stream: BinaryIO,
    *,
    reference: str | None = None,
    progress: Callable[[int], None] | None = None,
    implied_kept: bool = False,
    limits: ArchiveLimits | None = None,
) -> ImageArchive:
    """Read the image archive in ``stream``, once and forward; nothing is unpacked to disk.

    ``reference`` (a tag, an id, or the start of one) chooses among several images. ``progress`` is
    called with the number of bytes so far. A directory without an entry in a layer that has
    entries below it is made again (0755, 0:0), as Docker does; with ``implied_kept`` it stays as
    the lower layer has it, as in containerd. Every layer is proved against the configuration.
    ``image.problems`` are contradictions inside the archive, ``image.notes`` oddities that leave
    no doubt about the ledger. The ledger always has
    ``/``; its ``layer`` is None unless a layer describes it.

    Raises LabError when the stream is not an image archive, is damaged or truncated, has no such
    image, or exceeds ``limits``.
    """
    limits = limits or ArchiveLimits()
    cursor = Cursor(read_pieces(stream, progress))
    with closing(LayerSpool()) as spool, HashThread() as hashing:
        blobs = Blobs(spool, limits.documents)
        packing, members = _decompressed(cursor, limits)
        unpacking = UnpackBudget(limits, lambda: cursor.position)
        contents = ContentReader(spool, blobs, hashing, unpacking, limits)
        ended = contents.read(members)
        try:
            name, image, layers = _proved_image(blobs, reference)
            notes = Notes()
            stack = LayerStack(spool, contents.entries, notes, implied_kept=implied_kept)
            ledger = _stacked(stack, layers)
        except DamageError as damage:
            raise LabError(f"the image archive is damaged: {damage}", "save it again") from None
    problems = image.problems if ended else (_NO_END, *image.problems)
    image = replace(image, problems=problems, notes=image.notes + notes.sentences())
    return ImageArchive(image, ledger, f"{name} ({packing})" if packing else name)


def _decompressed(cursor: Cursor, limits: ArchiveLimits) -> tuple[str | None, Cursor]:
    """The compression format of the whole archive (``docker save | gzip``), if any; its members."""
    packing = compression.detect(checked_start(cursor))
    if packing is None:
        return None, cursor
    budget = UnpackBudget(limits, lambda: cursor.position)
    members = Cursor(budget.guard(compression.decompress(packing, cursor)))
    checked_start(members, packing)
    return packing, members


def _proved_image(blobs: Blobs, reference: str | None) -> tuple[str, Image, list[Blob]]:
    """The name of the archive's format, the image, and its layers, lowest first."""
    listed = listings(blobs)
    name = next((name for name, listing in listed.items() if listing.images), None)
    if name is None:
        raise no_image_error(blobs, listed)
    believed = listed[name]
    chosen, remark = choose(
        believed.images,
        reference,
        lambda image: config_platform(read_config(blobs, image.config)),
    )
    config = read_config(blobs, chosen.config)
    problems: list[str] = []
    if name != next(iter(listed)):
        first = next(iter(listed.values())).source
        problems.append(f"{first} lists no image: {believed.source} was used")
    layers = proof.proved_layers(chosen, config, believed.source, blobs)
    others = [listing for other, listing in listed.items() if other != name]
    problems += believed.problems
    problems += proof.disagreements(chosen, believed.source, others, blobs)
    notes = [remark] if remark else []
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


def _stacked(stack: LayerStack, layers: Sequence[Blob]) -> Ledger:
    ledger = Ledger()
    try:
        ledger.update(stack.entries([layer.id for layer in layers]))
        ledger.put_histories(stack.histories())
    except BaseException:
        ledger.close()
        raise
    return ledger
