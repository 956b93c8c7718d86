"""Parts of image archives, made by hand: tar members bit by bit, layers, compressed data."""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

BLOCK = 512
END = bytes(2 * BLOCK)


def number(value: int, width: int) -> bytes:
    """A number in a tar header: octal, or base 256 where that is too narrow."""
    octal = b"%0*o" % (width - 1, value) if value >= 0 else b""
    if 0 < len(octal) < width:
        return octal + b"\0"
    return ((1 << (8 * width - 1)) | (value & ((1 << (8 * width - 1)) - 1))).to_bytes(width, "big")


def block(
    name: bytes,
    kind: bytes = b"0",
    *,
    size: int = 0,
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    mtime: int = 0,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
    magic: bytes = b"ustar\00000",
    prefix: bytes = b"",
) -> bytes:
    """One header block, whatever it claims."""
    raw = bytearray(BLOCK)
    raw[0:100] = name[:100].ljust(100, b"\0")
    for at, width, value in (
        (100, 8, mode), (108, 8, uid), (116, 8, gid), (124, 12, size), (136, 12, mtime),
        (329, 8, device[0]), (337, 8, device[1]),
    ):  # fmt: skip
        raw[at : at + width] = number(value, width)
    raw[156:157] = kind
    raw[157:257] = link[:100].ljust(100, b"\0")
    raw[257:265] = magic
    raw[345:500] = prefix.ljust(155, b"\0")
    return checked(raw)


def checked(raw: bytearray | bytes) -> bytes:
    """A header block with its checksum corrected."""
    done = bytearray(raw)
    done[148:156] = b" " * 8
    done[148:156] = b"%06o\0 " % sum(done)
    return bytes(done)


def padded(data: bytes) -> bytes:
    """``data`` filled up to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def pax(
    records: Mapping[bytes, bytes] | Sequence[tuple[bytes, bytes]], kind: bytes = b"x"
) -> bytes:
    """An extended header and its records."""
    pairs = records.items() if isinstance(records, Mapping) else records
    data = b"".join(record(key, value) for key, value in pairs)
    return block(b"PaxHeaders/x", kind, size=len(data)) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    """One PAX record; its length includes the length itself."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return str(length).encode() + rest


def file(name: str | bytes, data: bytes = b"", /, **fields: Any) -> bytes:
    """A regular file with its data, whatever the length of its name."""
    return _long(name, b"0", data, fields)


def directory(name: str | bytes, **fields: Any) -> bytes:
    """A directory, 0755."""
    return _long(name, b"5", b"", {"mode": 0o755, **fields})


def symlink(name: str | bytes, target: str | bytes, **fields: Any) -> bytes:
    """A symbolic link."""
    return _long(name, b"2", b"", {"mode": 0o777, "link": _bytes(target), **fields})


def hardlink(name: str | bytes, target: str | bytes, **fields: Any) -> bytes:
    """One more name for ``target``."""
    return _long(name, b"1", b"", {"link": _bytes(target), **fields})


def device(name: str | bytes, kind: bytes, numbers: tuple[int, int], **fields: Any) -> bytes:
    """A device node: ``kind`` is ``b"3"`` (character) or ``b"4"`` (block)."""
    return _long(name, kind, b"", {"device": numbers, **fields})


def fifo(name: str | bytes, **fields: Any) -> bytes:
    """A named pipe."""
    return _long(name, b"6", b"", fields)


def gnu_long(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU tar's header for a long name (``L``) or link target (``K``)."""
    data = name + b"\0"
    return block(b"././@LongLink", kind, size=len(data), magic=b"ustar  \0") + padded(data)


def _bytes(name: str | bytes) -> bytes:
    return name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name


def _long(name: str | bytes, kind: bytes, data: bytes, fields: dict[str, Any]) -> bytes:
    records: dict[bytes, bytes] = dict(fields.pop("pax", {}))
    raw, link = _bytes(name), fields.get("link", b"")
    if len(raw) > 100:
        records.setdefault(b"path", raw)
    if len(link) > 100:
        records.setdefault(b"linkpath", link)
    head = pax(records) if records else b""
    return head + block(raw, kind, size=len(data), **fields) + padded(data)


def layer(*members: bytes) -> bytes:
    """A layer's tar."""
    return b"".join(members) + END


def sha256(data: bytes) -> str:
    """The hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def gzipped(data: bytes) -> bytes:
    """``data`` by gzip, the same every time."""
    return gzip.compress(data, mtime=0)


def zstd(data: bytes, level: int = 3) -> bytes:
    """``data`` as one frame, by the system's libzstd (installed, as dpkg needs it)."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    bound = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    space = ctypes.create_string_buffer(bound)
    sizes = (ctypes.c_size_t(bound), data, ctypes.c_size_t(len(data)))
    size = library.ZSTD_compress(space, *sizes, level)
    return space.raw[:size]


def dumped(value: Any) -> bytes:
    """JSON as an engine writes it."""
    return json.dumps(value, separators=(",", ":")).encode()
