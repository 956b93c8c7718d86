"""From a stream to an image and its ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

from scratchlab.collect.image import compression, proof
from scratchlab.collect.image.candidate import config, diff_ids, platform
from scratchlab.collect.image.choice import choose
from scratchlab.collect.image.compression import UnpackBudget
from scratchlab.collect.image.content import Contents
from scratchlab.collect.image.formats import listings
from scratchlab.collect.image.identify import not_an_image, start_of
from scratchlab.collect.image.layers.spool import LayerSpool
from scratchlab.collect.image.layers.stack import Stack
from scratchlab.collect.image.limits import ArchiveLimits
from scratchlab.collect.image.members import Blob, Blobs
from scratchlab.collect.image.problems import DamageError, Notes
from scratchlab.collect.image.stream import Cursor, Digests, blocks
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Image

_NO_END = "the archive ends without its end marker: it may have been cut short"


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """An image as its archive has it. ``format`` names the archive's format, packing included:
    ``docker-archive``, ``docker-archive + oci-archive``, ``oci-archive (gzip)``.
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
    """Read the image archive that ``stream`` gives, once and forward, nothing unpacked to disk.

    ``reference`` (a tag, an id, or the start of one) chooses among several images. ``progress`` is
    called with the number of bytes so far. A directory that a layer has entries below and none
    for is made again (0755, 0:0), as Docker does; ``implied_kept`` lets a lower layer's stand, as
    containerd does. Every layer is proved against the configuration; what is odd and yet does not
    put the ledger in doubt is in ``image.problems``. The ledger always has ``/``; its ``layer`` is
    None unless a layer describes it. Raises LabError when the stream is no image archive, is
    damaged or cut short, holds no such image, or costs more than ``limits`` allow.
    """
    limits = limits or ArchiveLimits()
    cursor = Cursor(blocks(stream, progress))
    with closing(LayerSpool()) as spool, Digests() as digests:
        blobs = Blobs(spool, limits.documents)
        packing, members = _unpacked(cursor, limits)
        budget = UnpackBudget(limits, lambda: cursor.position)
        contents = Contents(spool, blobs, digests, budget, limits)
        ended = contents.read(members)
        try:
            name, image, layers = _proved(blobs, reference)
            notes = Notes()
            ledger = _stacked(Stack(spool, contents.room, notes, implied_kept=implied_kept), layers)
        except DamageError as damage:
            raise LabError(f"the image archive is damaged: {damage}", "save it again") from None
    problems = image.problems if ended else (_NO_END, *image.problems)
    image = replace(image, problems=problems + notes.sentences())
    return ImageArchive(image, ledger, f"{name} ({packing})" if packing else name)


def _unpacked(cursor: Cursor, limits: ArchiveLimits) -> tuple[str | None, Cursor]:
    """The archive itself, out of its packing if it has one (``docker save | gzip``)."""
    packing = compression.detect(start_of(cursor))
    if packing is None:
        return None, cursor
    _, unpack = compression.FORMATS[packing]
    budget = UnpackBudget(limits, lambda: cursor.position)
    members = Cursor(budget.guard(unpack(cursor)))
    start_of(members, packing)
    return packing, members


def _proved(blobs: Blobs, reference: str | None) -> tuple[str, Image, list[Blob]]:
    """The format's name, the image and its layers, lowest first."""
    listed = listings(blobs)
    name = next((name for name, one in listed.items() if one.images), None)
    if name is None:
        raise not_an_image(blobs, listed)
    believed = listed[name]
    chosen, remark = choose(
        believed.images, reference, lambda one: platform(config(blobs, one.config))
    )
    content = config(blobs, chosen.config)
    problems = [remark] if remark else []
    if name != next(iter(listed)):
        first = next(iter(listed.values())).source
        problems.append(f"{first} lists no image: {believed.source} was believed")
    layers = proof.layers(chosen, content, believed.source, blobs)
    others = [one for other, one in listed.items() if other != name]
    problems += believed.problems
    problems += proof.second_opinions(chosen, believed.source, others, blobs)
    problems += proof.history(content, len(layers))
    problems += [f"layer {index}: {note}" for index, one in enumerate(layers) for note in one.notes]
    image = Image(
        id=chosen.id,
        tags=chosen.tags,
        diff_ids=diff_ids(content),
        config=dict(content),
        problems=tuple(problems),
    )
    return " + ".join(listed), image, layers


def _stacked(stack: Stack, layers: Sequence[Blob]) -> Ledger:
    ledger = Ledger()
    try:
        ledger.update(stack.entries([one.id for one in layers]))
    except BaseException:
        ledger.close()
        raise
    return ledger
