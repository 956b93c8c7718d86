"""Zstandard (RFC 8878) by the system's libzstd, through ctypes: Python has none before 3.14.

The streaming API of zstd.h (since 1.0; ZSTD_DCtx_setParameter since 1.4.0).
"""

from __future__ import annotations

import ctypes
from functools import cache

from scratchlab.collect.image.problems import DamageError
from scratchlab.collect.image.stream import Cursor, Pieces
from scratchlab.errors import LabError

_OUTPUT = 256 * 1024
_D_WINDOW_LOG_MAX = 100  # ZSTD_d_windowLogMax
# 64 MiB, so that memory stays bounded. containers' and BuildKit's encoder uses at most 32 MiB;
# only `zstd --ultra` from level 21 and `zstd --long` ask for more.
_WINDOW_LOG = 26
_FRAME, _SKIPPABLE = b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("position", ctypes.c_size_t),
    )


def starts(start: bytes) -> bool:
    """Whether ``start`` begins Zstandard data (a frame, or a skippable one)."""
    return start[:4] == _FRAME or (start[1:4] == _SKIPPABLE and start[0] & 0xF0 == 0x50)


def unpack(cursor: Cursor) -> Pieces:
    """The unpacked data in pieces of up to 256 KiB.

    Raises DamageError; LabError when this machine has no libzstd.
    """
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
        full = False  # whether the target was too small for what could be given out
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
        raise DamageError("its zstd data was cut short")


def _checked(library: ctypes.CDLL, code: int) -> int:
    if library.ZSTD_isError(code):
        reason = library.ZSTD_getErrorName(code).decode("ascii", "replace")
        raise DamageError(f"its zstd data cannot be read ({reason})")
    return code


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        raise LabError(
            "the archive is compressed with zstd, and this machine has no libzstd.so.1",
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
