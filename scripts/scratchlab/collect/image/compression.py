"""Compressed streams, in the formats that engines read: gzip and Zstandard.

gzip (RFC 1952) by zlib: members one after another, zero padding at the end allowed. Zstandard
(RFC 8878) by the system's libzstd through ctypes, as Python has none before 3.14: the streaming
API of zstd.h (since 1.0; ZSTD_DCtx_setParameter since 1.4.0).
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable
from functools import cache

from scratchlab.collect.image.problems import DamageError
from scratchlab.collect.image.stream import Cursor, Pieces
from scratchlab.errors import LabError

_OUTPUT = 256 * 1024
_GZIP = 31  # zlib's wbits for gzip: 16, and a window of 2**15
_D_WINDOW_LOG_MAX = 100  # ZSTD_d_windowLogMax
# 64 MiB, so that memory stays bounded. containers' and BuildKit's encoder uses at most 32 MiB;
# only `zstd --ultra` from level 21 and `zstd --long` ask for more.
_WINDOW_LOG = 26
_FRAME, _SKIPPABLE = b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
# Formats that are recognized only to name them: no engine writes image archives or layers so.
_UNREADABLE = {
    "xz": b"\xfd7zXZ\0",
    "bzip2": b"BZh",
    "lzip": b"LZIP",
    "lz4": b"\x04\x22\x4d\x18",
}


def detect(start: bytes) -> str | None:
    """The name of the readable compression format that ``start`` (8 bytes are enough) begins."""
    return next((name for name, (begins, _) in _FORMATS.items() if begins(start)), None)


def detect_unreadable(start: bytes) -> str | None:
    """The name of the compression format that ``start`` begins and that no engine reads."""
    return next((name for name, magic in _UNREADABLE.items() if start.startswith(magic)), None)


def decompress(format_name: str, cursor: Cursor) -> Pieces:
    """The data at ``cursor`` decompressed, in pieces of up to 256 KiB.

    ``format_name`` is what :func:`detect` returned. Raises DamageError, or LabError when this
    machine has no library for the format.
    """
    return _FORMATS[format_name][1](cursor)


def _is_gzip(start: bytes) -> bool:
    return start[:3] == b"\x1f\x8b\x08"  # deflate is gzip's only method


def _gunzip(cursor: Cursor) -> Pieces:
    while _is_gzip(cursor.peek(3)):
        yield from _gzip_member(cursor)
    for piece in cursor.rest():
        if bytes(piece).count(0) != len(piece):
            raise DamageError("other data follows its gzip data")


def _gzip_member(cursor: Cursor) -> Pieces:
    member = zlib.decompressobj(_GZIP)
    try:
        while not member.eof:
            packed: bytes | memoryview = cursor.some()
            if not packed:
                raise DamageError("its gzip data is truncated")
            while packed and not member.eof:
                data = member.decompress(packed, _OUTPUT)
                if data:
                    yield memoryview(data)
                packed = member.unconsumed_tail
            if member.unused_data:
                cursor.give_back(len(member.unused_data))
    except zlib.error as error:
        raise DamageError(f"its gzip data is damaged ({error})") from None


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("position", ctypes.c_size_t),
    )


def _is_zstd(start: bytes) -> bool:
    # A frame, or a skippable frame.
    return start[:4] == _FRAME or (start[1:4] == _SKIPPABLE and start[0] & 0xF0 == 0x50)


def _unzstd(cursor: Cursor) -> Pieces:
    library = _library()
    context = library.ZSTD_createDCtx()
    try:
        _checked(library, library.ZSTD_DCtx_setParameter(context, _D_WINDOW_LOG_MAX, _WINDOW_LOG))
        yield from _frames(library, context, cursor)
    finally:
        library.ZSTD_freeDCtx(context)


def _frames(library: ctypes.CDLL, context: int, cursor: Cursor) -> Pieces:
    space = ctypes.create_string_buffer(_OUTPUT)
    left = 1  # 0 when a frame is complete
    while packed := bytes(cursor.some()):
        source = _Buffer(ctypes.cast(ctypes.c_char_p(packed), ctypes.c_void_p), len(packed), 0)
        full = False  # whether the library has more output than the target took
        while source.position < source.size or (full and left):
            target = _Buffer(ctypes.cast(space, ctypes.c_void_p), _OUTPUT, 0)
            code = library.ZSTD_decompressStream(
                context, ctypes.byref(target), ctypes.byref(source)
            )
            left = _checked(library, code)
            full = target.position == _OUTPUT
            if target.position:
                yield memoryview(ctypes.string_at(space, target.position))
    if left:
        raise DamageError("its zstd data is truncated")


def _checked(library: ctypes.CDLL, code: int) -> int:
    if library.ZSTD_isError(code):
        reason = library.ZSTD_getErrorName(code).decode("ascii", "replace")
        raise DamageError(f"its zstd data is damaged ({reason})")
    return code


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        raise LabError(
            "the archive is compressed with zstd, but this machine has no libzstd.so.1",
            "install it (Debian: apt-get install libzstd1)",
        ) from None
    library.ZSTD_createDCtx.restype = ctypes.c_void_p
    library.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
    library.ZSTD_freeDCtx.restype = ctypes.c_size_t
    library.ZSTD_DCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    library.ZSTD_DCtx_setParameter.restype = ctypes.c_size_t
    library.ZSTD_decompressStream.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(_Buffer),
        ctypes.POINTER(_Buffer),
    ]
    library.ZSTD_decompressStream.restype = ctypes.c_size_t
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    library.ZSTD_isError.restype = ctypes.c_uint
    library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    return library


# By name: whether these first bytes are of the format, and how to decompress it.
_FORMATS: dict[str, tuple[Callable[[bytes], bool], Callable[[Cursor], Pieces]]] = {
    "gzip": (_is_gzip, _gunzip),
    "zstd": (_is_zstd, _unzstd),
}
