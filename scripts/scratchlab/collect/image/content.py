"""Read every member of an archive once, whatever it may turn out to be."""

from __future__ import annotations

from dataclasses import replace

from scratchlab.collect.image import compression
from scratchlab.collect.image.compression import UnpackBudget
from scratchlab.collect.image.layers import names
from scratchlab.collect.image.layers.read import Holes, LayerReader
from scratchlab.collect.image.layers.spool import LayerSpool
from scratchlab.collect.image.layers.tree import LayerTree
from scratchlab.collect.image.limits import ArchiveLimits, EntryBudget
from scratchlab.collect.image.members import Blob, Blobs, Form
from scratchlab.collect.image.problems import DamageError, Notes, shown
from scratchlab.collect.image.stream import Cursor, Digest, Digests, Pieces
from scratchlab.collect.image.tar import BLOCK, Header, Tar, Type, looks_like_tar
from scratchlab.errors import LabError

_SPACE = b" \t\r\n"


class Contents:
    """Reads the members of one archive into a spool and :class:`Blobs`.

    ``room`` is what is left for entries and for work on them.
    """

    def __init__(
        self,
        spool: LayerSpool,
        blobs: Blobs,
        digests: Digests,
        budget: UnpackBudget,
        limits: ArchiveLimits,
    ) -> None:
        self._spool = spool
        self._blobs = blobs
        self._digests = digests
        self._budget = budget
        self._limits = limits
        self.room = EntryBudget(limits)
        self._holes = Holes(limits)
        self._documents = 0

    def read(self, cursor: Cursor) -> bool:
        """Read all members; says whether the archive's end marker was there.

        Raises LabError when the archive itself is damaged or cut short.
        """
        tar = Tar(cursor, self._limits)
        try:
            for header in tar:
                self.room.take(len(header.name) + len(header.link))
                self._member(header, tar)
        except DamageError as damage:
            raise LabError(f"the archive is damaged: {damage}", "save the image again") from None
        return tar.ended

    def _member(self, header: Header, tar: Tar) -> None:
        name = names.key(header.name)
        if header.type == Type.SYMLINK:
            # docker save before 25 writes a layer that it wrote before as ../ID/layer.tar.
            directory = header.name.rpartition(b"/")[0] if header.link[:1] != b"/" else b""
            self._blobs.link(name, names.key(directory + b"/" + header.link))
        elif header.type == Type.HARD_LINK:
            self._blobs.link(name, names.key(header.link))
        elif header.type in (Type.FILE, Type.CONTIGUOUS):
            pieces, digest = self._digests.through(_undamaged(tar.data()))
            cursor = Cursor(pieces)
            blob = self._blob(cursor, digest, header.size)
            self._blobs.put(name, blob)

    def _blob(self, cursor: Cursor, digest: Digest, size: int) -> Blob:
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
        return replace(blob, digest=digest.name())

    def _packed(self, number: int, cursor: Cursor, packing: str) -> Blob:
        _, unpack = compression.FORMATS[packing]
        pieces, digest = self._digests.through(self._budget.guard(unpack(cursor)))
        inner = Cursor(pieces)
        try:
            start = inner.peek(BLOCK)
        except DamageError as damage:
            return Blob(number, Form.OTHER, packing=packing, fault=str(damage))
        if start and not looks_like_tar(start):
            fault = f"it is no layer: {packing} data of something that is no tar archive"
            return Blob(number, Form.OTHER, packing=packing, fault=fault)
        return self._layer(number, inner, digest, packing)

    def _layer(self, number: int, cursor: Cursor, digest: Digest, packing: str | None) -> Blob:
        notes = Notes()
        tree = LayerTree(self._spool, number, self.room, notes)
        reader = LayerReader(tree, notes, self._limits, self._holes)
        try:
            reader.read(cursor)
            for _ in cursor.rest():
                pass
        except DamageError as damage:
            self._spool.drop(number)
            return Blob(number, Form.LAYER, packing=packing, fault=str(damage))
        diff_id = digest.name()
        return Blob(number, Form.LAYER, diff_id=diff_id, packing=packing, notes=notes.sentences())

    def _document(self, number: int, cursor: Cursor, size: int) -> Blob:
        if size > self._limits.document or self._documents + size > self._limits.documents:
            return Blob(number, Form.OTHER, fault=f"it is larger than any document ({size} bytes)")
        self._documents += size
        return Blob(number, Form.DOCUMENT, data=b"".join(cursor.run(size)))


def _undamaged(pieces: Pieces) -> Pieces:
    """Damage of the archive itself, met while one of its members is read, is no member's fault."""
    try:
        yield from pieces
    except DamageError as damage:
        raise LabError(f"the archive is damaged: {damage}", "save the image again") from None


def _description(start: bytes) -> str:
    for name, magic in compression.UNREADABLE.items():
        if start.startswith(magic):
            return f"it is compressed with {name}, which no engine reads"
    return f"it is no tar archive (it starts with {shown(start[:8])})"
