"""gzip (RFC 1952) by zlib: members one after another, zero padding at the end allowed."""

from __future__ import annotations

import zlib

from scratchlab.collect.image.problems import DamageError
from scratchlab.collect.image.stream import Cursor, Pieces

_OUTPUT = 256 * 1024
_GZIP = 31  # zlib's wbits for gzip: 16, and a window of 2**15


def starts(start: bytes) -> bool:
    """Whether ``start`` begins gzip data (deflate is its only method)."""
    return start[:3] == b"\x1f\x8b\x08"


def unpack(cursor: Cursor) -> Pieces:
    """The unpacked data in pieces of up to 256 KiB. Raises DamageError."""
    while starts(cursor.peek(3)):
        yield from _member(cursor)
    for piece in cursor.rest():
        if bytes(piece).count(0) != len(piece):
            raise DamageError("its gzip data is followed by something else")


def _member(cursor: Cursor) -> Pieces:
    member = zlib.decompressobj(_GZIP)
    try:
        while not member.eof:
            packed: bytes | memoryview = cursor.some()
            if not packed:
                raise DamageError("its gzip data was cut short")
            while packed and not member.eof:
                data = member.decompress(packed, _OUTPUT)
                if data:
                    yield memoryview(data)
                packed = member.unconsumed_tail
            if member.unused_data:
                cursor.give_back(len(member.unused_data))
    except zlib.error as error:
        raise DamageError(f"its gzip data is damaged ({error})") from None
