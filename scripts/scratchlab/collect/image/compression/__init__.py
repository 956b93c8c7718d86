"""Compressed streams: one module a format, and one line in the registry."""

from __future__ import annotations

from collections.abc import Callable

from scratchlab.collect.image.compression import gzip, zstd
from scratchlab.collect.image.limits import UnpackBudget
from scratchlab.collect.image.stream import Cursor, Pieces

__all__ = ["FORMATS", "UNREADABLE", "Budget", "UnpackBudget", "detect"]

# By name: whether these first bytes are of the format, and how to unpack it.
FORMATS: dict[str, tuple[Callable[[bytes], bool], Callable[[Cursor], Pieces]]] = {
    "gzip": (gzip.starts, gzip.unpack),
    "zstd": (zstd.starts, zstd.unpack),
}
# Formats that are recognized only to name them: no engine writes image archives or layers so.
UNREADABLE: dict[str, bytes] = {
    "xz": b"\xfd7zXZ\0",
    "bzip2": b"BZh",
    "lzip": b"LZIP",
    "lz4": b"\x04\x22\x4d\x18",
}


def detect(start: bytes) -> str | None:
    """The name of the compression format that ``start`` (8 bytes are enough) begins, or None."""
    return next((name for name, (starts, _) in FORMATS.items() if starts(start)), None)
