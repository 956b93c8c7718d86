"""The members of a tar stream, one after another."""

from __future__ import annotations

from collections.abc import Iterator

from scratchlab.collect.image.limits import ArchiveLimits
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.collect.image.stream import Cursor, Pieces
from scratchlab.collect.image.tar import pax, sparse
from scratchlab.collect.image.tar.header import BLOCK, ZEROS, Header, Type, parse_header, validate

_EXTENSIONS = frozenset({Type.PAX, Type.GNU_LONG_NAME, Type.GNU_LONG_LINK})


class TarReader:
    """Iterates over the headers; :meth:`data` returns the data of the current one.

    Raises DamageError where the stream breaks the format, and when it ends inside a member.
    """

    def __init__(self, cursor: Cursor, limits: ArchiveLimits) -> None:
        self._cursor = cursor
        self._limits = limits
        self._left = 0  # bytes of the current member's data not yet read
        self._padding = 0
        self._name = b""
        self.ended = False  # whether the end marker was read

    def __iter__(self) -> Iterator[Header]:
        while (header := self._next()) is not None:
            self._name = header.name
            yield header

    def data(self) -> Pieces:
        """The stored data of the current member in pieces; of a sparse file, without its holes."""
        for piece in self._cursor.run(self._left):
            self._left -= len(piece)
            yield piece
        if self._left:
            raise DamageError(f"truncated in {display(self._name)}")

    def read_all(self) -> bytes:
        """The stored data of the current member in one piece; for small ones."""
        data = self._cursor.take(self._left)
        self._left -= len(data)
        if self._left:
            raise DamageError(f"truncated in {display(self._name)}")
        return data

    def _next(self) -> Header | None:
        records: pax.Records = []
        name = link = b""
        while True:
            self._skip_member()
            block = self._cursor.take(BLOCK)
            if block == ZEROS:
                self._end()
                return None
            if not block:
                return None
            if len(block) < BLOCK:
                raise DamageError("truncated in a header")
            header = parse_header(block)
            if header.type not in _EXTENSIONS:
                # Global headers are for tools such as git; Docker ignores them (moby v20.10
                # pkg/archive/archive.go createTarFile), and so does this reader.
                if header.type != Type.PAX_GLOBAL:
                    break
                self._extension(header)
            elif header.type == Type.PAX:
                records = pax.parse_records(self._extension(header))
            elif header.type == Type.GNU_LONG_NAME:
                name = self._extension(header).partition(b"\0")[0]
            else:
                link = self._extension(header).partition(b"\0")[0]
        header.name = name or header.name
        header.link = link or header.link
        if records:
            pax.apply_records(records, header)
        validate(header)
        self._padding = -header.stored % BLOCK
        if records or header.type == Type.GNU_SPARSE:
            sparse.read_map(block, records, header, self._cursor, self._limits)
        self._left = header.stored
        return header

    def _extension(self, header: Header) -> bytes:
        if not 0 <= header.size <= self._limits.extended_header:
            raise DamageError(
                f"an extended header claims {header.size} bytes, more than any engine reads"
            )
        self._name = header.name
        self._left, self._padding = header.size, -header.size % BLOCK
        return self.read_all()

    def _skip_member(self) -> None:
        missing = self._left - self._cursor.skip(self._left)
        if missing:
            raise DamageError(f"truncated in {display(self._name)}")
        # The padding of the very last member may be missing.
        self._cursor.skip(self._padding)
        self._left = self._padding = 0

    def _end(self) -> None:
        block = self._cursor.take(BLOCK)
        if block and block != ZEROS:
            raise DamageError("data follows half an end marker")
        self.ended = True
