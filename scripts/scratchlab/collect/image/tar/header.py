"""One header block of a tar archive: V7, ustar (POSIX.1-1988), star and GNU.

Where the formats leave a choice, the rules are those of Go's archive/tar, with which the engines
read layers (go1.22 src/archive/tar/reader.go readHeader, strconv.go).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from scratchlab.collect.image.problems import DamageError, display

BLOCK = 512
ZEROS = bytes(BLOCK)
NANO = 1_000_000_000
_MOST = 1 << 63
_IDS = 1 << 32
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12s")
_USTAR, _GNU, _STAR = b"ustar\0", b"ustar  \0", b"tar\0"


class Type(IntEnum):
    """Type flags (POSIX.1-2001 pax, and GNU tar's)."""

    FILE = ord("0")
    OLD_FILE = 0
    HARD_LINK = ord("1")
    SYMLINK = ord("2")
    CHAR = ord("3")
    BLOCK = ord("4")
    DIRECTORY = ord("5")
    FIFO = ord("6")
    CONTIGUOUS = ord("7")
    PAX = ord("x")
    PAX_GLOBAL = ord("g")
    GNU_LONG_NAME = ord("L")
    GNU_LONG_LINK = ord("K")
    GNU_SPARSE = ord("S")


# Types without data, whatever the size field claims.
_NO_DATA = frozenset(
    {Type.HARD_LINK, Type.SYMLINK, Type.CHAR, Type.BLOCK, Type.DIRECTORY, Type.FIFO}
)


@dataclass(slots=True)
class Header:
    """One member as its headers describe it. ``mtime`` is in nanoseconds since 1970."""

    name: bytes
    type: int
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int  # of the file, holes included
    stored: int  # bytes of data that follow in the archive
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    libarchive_only: bool = False  # an attribute came in LIBARCHIVE's form alone
    segments: list[tuple[int, int]] | None = None  # of a sparse file: where its data belongs


def parse_header(block: bytes) -> Header:
    """The header in ``block``, before extended headers and :func:`validate`. Raises DamageError."""
    (
        name, mode, uid, gid, size, mtime, checksum, flag,
        link, magic, _, _, major, minor, prefix, _,
    ) = _FIELDS.unpack(block)  # fmt: skip
    if not _sum_is_right(block, checksum):
        raise DamageError("a header's checksum is wrong")
    kind = flag[0]
    header = Header(
        name=_text(name),
        type=kind,
        mode=_repeated(mode) & 0o7777,
        uid=_repeated(uid),
        gid=_repeated(gid),
        mtime=parse_number(mtime) * NANO,
        size=parse_number(size),
        stored=0,
        link=_text(link),
    )
    if magic[:6] == _USTAR or magic == _GNU:
        if kind in (Type.CHAR, Type.BLOCK):
            header.device = (parse_number(major), parse_number(minor))
        _add_prefix(header, block, magic, prefix)
    if kind == Type.OLD_FILE:
        header.type = Type.DIRECTORY if header.name.endswith(b"/") else Type.FILE
    return header


def validate(header: Header) -> None:
    """Check a header with its extended headers applied, and set ``stored``; raises DamageError."""
    if not 0 <= header.size < _MOST:
        raise DamageError(f"{display(header.name)} claims a size of {header.size} bytes")
    if not (0 <= header.uid < _IDS and 0 <= header.gid < _IDS):
        raise DamageError(f"{display(header.name)} claims the owner {header.uid}:{header.gid}")
    if not (0 <= header.device[0] < _IDS and 0 <= header.device[1] < _IDS):
        raise DamageError(f"{display(header.name)} claims impossible device numbers")
    if not -_MOST <= header.mtime // NANO < _MOST:
        raise DamageError(f"{display(header.name)} claims an impossible time")
    header.stored = 0 if header.type in _NO_DATA else header.size


def looks_like_tar(block: bytes) -> bool:
    """Whether ``block`` can start a tar archive: a header, or the zeros that end an empty one."""
    return len(block) == BLOCK and (block == ZEROS or _sum_is_right(block, block[148:156]))


def _sum_is_right(block: bytes, claimed: bytes) -> bool:
    try:
        expected = parse_number(claimed)
    except DamageError:
        return False
    # The checksum counts its own field as spaces.
    total = _sum(block) - sum(claimed) + 8 * 32
    if total == expected:
        return True
    # Some old tars summed signed bytes.
    return total - 256 * sum(byte > 127 for byte in block) == expected


def _sum(block: bytes) -> int:
    """The sum of the bytes of a block, a quarter of the time of ``sum()``: the lower half of an
    Adler-32 is 1 and the sum, modulo 65521 (RFC 1950), which 256 bytes do not reach.
    """
    half = BLOCK // 2
    first, second = zlib.adler32(block[:half]), zlib.adler32(block[half:])
    return (first & 0xFFFF) + (second & 0xFFFF) - 2


def _add_prefix(header: Header, block: bytes, magic: bytes, prefix: bytes) -> None:
    if magic == _GNU:
        # Go before 1.8, and Docker built with it, wrote a prefix into GNU headers, where GNU tar
        # writes access and change times.
        if all(not field[0] or _is_number(field) for field in (prefix[:12], prefix[12:24])):
            return
        start = _text(prefix)
        if not start.isascii():
            return
    elif block[508:512] == _STAR:
        start = _text(prefix[:131])
    else:
        start = _text(prefix)
    if start:
        header.name = start + b"/" + header.name


def _text(raw: bytes) -> bytes:
    return raw.partition(b"\0")[0]


def _is_number(raw: bytes) -> bool:
    try:
        parse_number(raw)
    except DamageError:
        return False
    return True


def parse_number(raw: bytes) -> int:
    """The number in a field: octal, or base 256 (GNU, star) when the first bit is set.

    Raises DamageError.
    """
    digits = raw.rstrip(b" \0")
    if digits.isdigit():  # the common case, fast
        return _octal(digits)
    if raw[0] & 0x80:
        size = 8 * len(raw) - 1
        value = int.from_bytes(raw, "big") & ((1 << size) - 1)
        if value >> (size - 1):
            value -= 1 << size
        if not -_MOST <= value < _MOST:
            raise DamageError("a number in a header is too large")
        return value
    digits = raw.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    if not digits.isdigit():
        raise DamageError("a number is missing in a header")
    return _octal(digits)


_repeated = lru_cache(1024)(parse_number)  # modes and owners: an archive has few


def _octal(digits: bytes) -> int:
    try:
        return int(digits, 8)
    except ValueError:
        raise DamageError("a number in a header is not octal") from None
