"""Read every member of an archive once, whatever it turns out to be."""

from __future__ import annotations

from dataclasses import replace

from scratchlab.collect.image import compression
from scratchlab.collect.image.blobs import Blob, Blobs, Form
from scratchlab.collect.image.layers import paths
from scratchlab.collect.image.layers.reader import LayerReader
from scratchlab.collect.image.layers.spool import LayerSpool
from scratchlab.collect.image.layers.tree import LayerTree
from scratchlab.collect.image.limits import ArchiveLimits, EntryBudget, HoleBudget, UnpackBudget
from scratchlab.collect.image.problems import (
    DamageError,
    Notes,
    UnreadableError,
    display,
    refusal,
)
from scratchlab.collect.image.stream import Cursor, HashThread, Pieces, RunningDigest
from scratchlab.collect.image.tar import BLOCK, Header, TarReader, Type, looks_like_tar

_SPACE = b" \t\r\n"


class ContentReader:
    """Reads the members of one archive into a spool and :class:`Blobs`.

    ``entries`` is the budget left for entries and for work on them.
    """

    def __init__(
        self,
        spool: LayerSpool,
        blobs: Blobs,
        hashing: HashThread,
        unpacking: UnpackBudget,
        limits: ArchiveLimits,
    ) -> None:
        self._spool = spool
        self._blobs = blobs
        self._hashing = hashing
        self._unpacking = unpacking
        self._limits = limits
        self.entries = EntryBudget(limits)
        self._holes = HoleBudget(limits)
        self._documents = 0

    def read(self, cursor: Cursor) -> bool:
        """Read all members; returns whether the archive's end marker was there.

        Raises LabError when the archive itself is damaged or truncated.
        """
        tar = TarReader(cursor, self._limits)
        try:
            for header in tar:
                self.entries.take(len(header.name) + len(header.link))
                self._member(header, tar)
        except DamageError as damage:
            raise refusal(damage, "the archive") from None
        return tar.ended

    def _member(self, header: Header, tar: TarReader) -> None:
        name = paths.to_key(header.name)
        if header.type == Type.SYMLINK:
            # docker save before 25 writes a repeated layer as a symlink to ../ID/layer.tar.
            directory = header.name.rpartition(b"/")[0] if header.link[:1] != b"/" else b""
            self._blobs.link(name, paths.to_key(directory + b"/" + header.link))
        elif header.type == Type.HARD_LINK:
            self._blobs.link(name, paths.to_key(header.link))
        elif header.type in (Type.FILE, Type.CONTIGUOUS):
            self.read_file(name, _undamaged(tar.data()), header.size)

    def read_file(self, name: bytes, pieces: Pieces, size: int) -> None:
        """Read a file of ``size`` bytes, the member ``name`` (a path key)."""
        pieces, digest = self._hashing.tee(pieces)
        self._blobs.put(name, self._blob(Cursor(pieces), digest, size))

    def _blob(self, cursor: Cursor, digest: RunningDigest, size: int) -> Blob:
        """The content at ``cursor``, which is read to its end."""
        number = self._blobs.new_id()
        start = cursor.peek(BLOCK)
        packing = compression.detect(start)
        if packing is not None:
            blob = self._packed(number, cursor, packing)
        elif not start or looks_like_tar(start):
            blob = self._layer(number, cursor, digest, None)
        elif start.lstrip(_SPACE)[:1] in (b"{", b"[", b"n"):
            blob = self._document(number, cursor, size)
        else:
            blob = Blob(number, Form.OTHER, fault=_description(start))
        cursor.skip(size)
        return replace(blob, digest=digest.value())

    def _packed(self, number: int, cursor: Cursor, packing: str) -> Blob:
        unpacked = self._unpacking.guard(compression.decompress(packing, cursor))
        pieces, digest = self._hashing.tee(unpacked)
        inner = Cursor(pieces)
        try:
            start = inner.peek(BLOCK)
        except DamageError as damage:
            return _faulty(number, Form.OTHER, packing, damage)
        if start and not looks_like_tar(start):
            fault = f"{packing} data of something that is not a tar file"
            return Blob(number, Form.OTHER, packing=packing, fault=fault)
        return self._layer(number, inner, digest, packing)

    def _layer(
        self, number: int, cursor: Cursor, digest: RunningDigest, packing: str | None
    ) -> Blob:
        notes = Notes()
        tree = LayerTree(self._spool, number, self.entries, notes)
        reader = LayerReader(tree, notes, self._limits, self._holes)
        try:
            reader.read(cursor)
            for _ in cursor.rest():
                pass
        except DamageError as damage:
            self._spool.drop(number)
            return _faulty(number, Form.LAYER, packing, damage)
        diff_id = digest.value()
        return Blob(number, Form.LAYER, diff_id=diff_id, packing=packing, notes=notes.sentences())

    def _document(self, number: int, cursor: Cursor, size: int) -> Blob:
        if size > self._limits.document or self._documents + size > self._limits.documents:
            return Blob(number, Form.OTHER, fault=f"too large for a document ({size} bytes)")
        self._documents += size
        return Blob(number, Form.DOCUMENT, data=b"".join(cursor.run(size)))


def _undamaged(pieces: Pieces) -> Pieces:
    """``pieces``; raises LabError when the archive is damaged in the middle of a member.

    Otherwise that damage would count as the member's own.
    """
    try:
        yield from pieces
    except DamageError as damage:
        raise refusal(damage, "the archive") from None


def _faulty(number: int, form: Form, packing: str | None, damage: DamageError) -> Blob:
    remedy = damage.remedy if isinstance(damage, UnreadableError) else ""
    return Blob(number, form, packing=packing, fault=str(damage), remedy=remedy)


def _description(start: bytes) -> str:
    packing = compression.detect_unreadable(start)
    if packing is not None:
        return f"compressed with {packing}, which no engine reads"
    return f"not a tar file (it starts with {display(start[:8])})"
