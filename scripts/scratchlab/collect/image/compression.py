"""Compressed streams, in the formats that engines read: gzip, bzip2, xz and Zstandard.

gzip (RFC 1952), bzip2 and xz by Python's own modules: streams one after another, zero padding at
the end allowed. All four are what ``docker load`` takes, for an archive and for a layer in it (moby
v26.1 pkg/archive/archive.go DecompressStream).

Zstandard (RFC 8878) by the system's libzstd through ctypes: the streaming API of zstd.h (since 1.0;
ZSTD_DCtx_setParameter since 1.4.0). Python's own module, ``compression.zstd``, is there from 3.14
on, and this program runs from 3.11 on. ``backports.zstd`` and ``zstandard`` are compiled for one
version of Python and one architecture each, and so cannot be in a program of one file for all.
"""

from __future__ import annotations

import bz2
import ctypes
import lzma
import zlib
from collections.abc import Callable
from functools import cache

from scratchlab.collect.image.problems import DamageError, UnreadableError
from scratchlab.collect.image.stream import Cursor, Pieces
from scratchlab.errors import LabError

_OUTPUT = 256 * 1024
# Bytes given to a decompressor at once. It copies what follows the end of its stream, so that many
# tiny streams would cost this much each.
_INPUT = 16 * 1024
_GZIP = 31  # zlib's wbits for gzip: 16, and a window of 2**15
_XZ = b"\xfd7zXZ\0"
# What `xz -9` needs is 65 MiB (xz(1)); only an own --lzma2=dict= asks for more.
_XZ_MEMORY = 66 << 20
_XZ_PADDING = 4  # bytes: padding between two streams is a multiple (xz file format 1.2, 2.2)
_D_WINDOW_LOG_MAX = 100  # ZSTD_d_windowLogMax
# 64 MiB, so that memory stays bounded. containers' and BuildKit's encoder uses at most 32 MiB;
# only `zstd --ultra` from level 21 and `zstd --long` ask for more.
_WINDOW_LOG = 26
_FRAME, _SKIPPABLE = b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
_WINDOW_TOO_LARGE = 16  # ZSTD_error_frameParameter_windowTooLarge (zstd_errors.h)
# Formats that are recognized only to name them: no engine reads image archives or layers so.
_UNREADABLE = {
    "lzip": b"LZIP",
    "lz4": b"\x04\x22\x4d\x18",
    "lzop": b"\x89LZO",
    "compress": b"\x1f\x9d",
}


def detect(start: bytes) -> str | None:
    """The name of the readable compression format that ``start`` (10 bytes are enough) begins."""
    return next((name for name, (begins, _) in _FORMATS.items() if begins(start)), None)


def detect_unreadable(start: bytes) -> str | None:
    """The name of the compression format that ``start`` begins and that no engine reads."""
    return next((name for name, magic in _UNREADABLE.items() if start.startswith(magic)), None)


def decompress(format_name: str, cursor: Cursor) -> Pieces:
    """The data at ``cursor`` decompressed, in pieces of up to 256 KiB.

    ``format_name`` is what :func:`detect` returned. Raises DamageError, UnreadableError when it
    takes too much memory, or LabError when this machine has no library for the format.
    """
    return _FORMATS[format_name][1](cursor)


def _is_gzip(start: bytes) -> bool:
    return start[:3] == b"\x1f\x8b\x08"  # deflate is gzip's only method


def _gunzip(cursor: Cursor) -> Pieces:
    while _is_gzip(cursor.peek(3)):
        yield from _gzip_member(cursor)
    _check_padding(cursor, "gzip")


def _gzip_member(cursor: Cursor) -> Pieces:
    member = zlib.decompressobj(_GZIP)
    try:
        while not member.eof:
            packed: bytes | memoryview = cursor.some(_INPUT)
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


def _is_bzip2(start: bytes) -> bool:
    # "BZh", the block size, then the magic of a block or of the stream's end.
    block_or_end = start[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
    return start[:3] == b"BZh" and start[3:4] in b"123456789" and block_or_end


def _bunzip2(cursor: Cursor) -> Pieces:
    while _is_bzip2(cursor.peek(10)):
        try:
            yield from _stream(bz2.BZ2Decompressor(), cursor, "bzip2")
        except OSError as error:
            raise DamageError(f"its bzip2 data is damaged ({error})") from None
    _check_padding(cursor, "bzip2")


def _is_xz(start: bytes) -> bool:
    return start.startswith(_XZ)


def _unxz(cursor: Cursor) -> Pieces:
    while _is_xz(cursor.peek(len(_XZ))):
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        try:
            yield from _stream(decompressor, cursor, "xz")
        except lzma.LZMAError as error:
            if "limit" in str(error):  # "Memory usage limit exceeded"
                raise _too_much_memory("xz", _XZ_MEMORY, "xz -dc") from None
            raise DamageError(f"its xz data is damaged ({error})") from None
        if _skip_zeros(cursor) % _XZ_PADDING:
            raise DamageError("its xz data has padding that is not a multiple of four bytes")
    _check_padding(cursor, "xz")


def _stream(
    decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor, cursor: Cursor, name: str
) -> Pieces:
    """The next stream at ``cursor`` by a decompressor of Python's, made for this stream alone."""
    while not decompressor.eof:
        packed = cursor.some(_INPUT) if decompressor.needs_input else memoryview(b"")
        if decompressor.needs_input and not packed:
            raise DamageError(f"its {name} data is truncated")
        data = decompressor.decompress(packed, _OUTPUT)
        if data:
            yield memoryview(data)
    cursor.give_back(len(decompressor.unused_data))


def _skip_zeros(cursor: Cursor) -> int:
    """Skip NUL bytes; returns how many."""
    skipped = 0
    while piece := cursor.some(_INPUT):
        rest = len(bytes(piece).lstrip(b"\0"))
        skipped += len(piece) - rest
        if rest:
            cursor.give_back(rest)
            break
    return skipped


def _check_padding(cursor: Cursor, name: str) -> None:
    _skip_zeros(cursor)
    if cursor.peek(1):
        raise DamageError(f"other data follows its {name} data")


def _too_much_memory(name: str, most: int, command: str) -> UnreadableError:
    return UnreadableError(
        f"its {name} data needs more than {most >> 20} MiB of memory to unpack",
        f"unpack it first: {command} FILE > FILE.tar",
    )


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
    while packed := bytes(cursor.some(_OUTPUT)):
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
        if library.ZSTD_getErrorCode(code) == _WINDOW_TOO_LARGE:
            raise _too_much_memory("zstd", 1 << _WINDOW_LOG, "zstd -dc --long=31")
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
    library.ZSTD_getErrorCode.argtypes = [ctypes.c_size_t]
    library.ZSTD_getErrorCode.restype = ctypes.c_uint
    library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    return library


# By name: whether these first bytes are of the format, and how to decompress it.
_FORMATS: dict[str, tuple[Callable[[bytes], bool], Callable[[Cursor], Pieces]]] = {
    "gzip": (_is_gzip, _gunzip),
    "bzip2": (_is_bzip2, _bunzip2),
    "xz": (_is_xz, _unxz),
    "zstd": (_is_zstd, _unzstd),
}
