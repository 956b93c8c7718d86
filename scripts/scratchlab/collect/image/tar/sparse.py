"""Sparse files: GNU tar's old format, and its formats 0.0, 0.1 and 1.0 in PAX headers.

Source: GNU tar manual, "Storing Sparse Files"; go1.22 src/archive/tar/reader.go.
"""

from __future__ import annotations

from scratchlab.collect.image.limits import ArchiveLimits
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.collect.image.stream import Cursor
from scratchlab.collect.image.tar.header import BLOCK, Header, Type, parse_number
from scratchlab.collect.image.tar.pax import Records

_PAIR = 24
Segments = list[tuple[int, int]]


def read_map(
    block: bytes, records: Records, header: Header, cursor: Cursor, limits: ArchiveLimits
) -> None:
    """For a sparse file, set the real size in ``header`` and where its data belongs (``segments``).

    ``block`` is the header block. Raises DamageError when the map is damaged, or does not fit the
    stored data.
    """
    segments: Segments | None
    if header.type == Type.GNU_SPARSE:
        segments = _old_gnu(block, header, cursor, limits)
        header.type = Type.FILE
    else:
        segments = _pax(records, header, cursor, limits)
    if segments is None:
        return
    _check(segments, header)
    header.segments = segments


def _old_gnu(block: bytes, header: Header, cursor: Cursor, limits: ArchiveLimits) -> Segments:
    real_size = parse_number(block[483:495])
    segments = _pairs(block[386:482])
    more, read = block[482], 0
    while more:
        extension = cursor.take(BLOCK)
        read += BLOCK
        if len(extension) < BLOCK or read > limits.extended_header:
            raise DamageError(f"{display(header.name)} has a truncated or endless sparse map")
        segments += _pairs(extension[: 21 * _PAIR])
        more = extension[21 * _PAIR]
    header.size = real_size
    return segments


def _pairs(raw: bytes) -> Segments:
    pairs = []
    for at in range(0, len(raw), _PAIR):
        if not raw[at]:  # the first unused pair ends the list
            break
        pairs.append((parse_number(raw[at : at + 12]), parse_number(raw[at + 12 : at + _PAIR])))
    return pairs


def _pax(
    records: Records, header: Header, cursor: Cursor, limits: ArchiveLimits
) -> Segments | None:
    fields = {key: value for key, value in records if key.startswith(b"GNU.sparse.")}
    if not fields or header.type not in (Type.FILE, Type.CONTIGUOUS):
        return None
    version = (fields.get(b"GNU.sparse.major"), fields.get(b"GNU.sparse.minor"))
    size = fields.get(b"GNU.sparse.realsize") or fields.get(b"GNU.sparse.size")
    if version == (b"1", b"0"):
        segments, header.stored = _map_in_data(header, cursor, limits)
    elif b"GNU.sparse.map" in fields:
        numbers = [_whole(text, header) for text in fields[b"GNU.sparse.map"].split(b",") if text]
        segments = _paired(numbers, header)
    elif b"GNU.sparse.numblocks" in fields:
        keys = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
        numbers = [_whole(value, header) for key, value in records if key in keys]
        segments = _paired(numbers, header)
    else:
        return None
    header.name = fields.get(b"GNU.sparse.name") or header.name
    if size is None:
        raise DamageError(f"{display(header.name)} is sparse but has no size")
    header.size = _whole(size, header)
    return segments


def _map_in_data(header: Header, cursor: Cursor, limits: ArchiveLimits) -> tuple[Segments, int]:
    """Format 1.0: decimal lines before the data, padded to a block: their count, then pairs.

    Returns the pairs, and how many bytes of data are left.
    """
    blocks: list[bytes] = []
    wanted, lines = 1, 0
    while lines < wanted:
        block = cursor.take(BLOCK)
        blocks.append(block)
        most = min(header.stored, limits.extended_header)
        if len(block) < BLOCK or len(blocks) * BLOCK > most:
            raise DamageError(f"{display(header.name)} has a truncated or endless sparse map")
        if not lines and b"\n" in block:
            wanted = 1 + 2 * _whole(b"".join(blocks).partition(b"\n")[0], header)
        lines += block.count(b"\n")
    text = b"".join(blocks).split(b"\n", wanted)
    numbers = [_whole(line, header) for line in text[1:wanted]]
    return _paired(numbers, header), header.stored - len(blocks) * BLOCK


def _paired(numbers: list[int], header: Header) -> Segments:
    if len(numbers) % 2:
        raise DamageError(f"{display(header.name)} has half a pair in its sparse map")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _whole(text: bytes, header: Header) -> int:
    if not text.isdigit() or len(text) > 20:
        raise DamageError(f"{display(header.name)} has a sparse map in which a number is malformed")
    return int(text)


def _check(segments: Segments, header: Header) -> None:
    at = 0
    for offset, size in segments:
        if offset < at or size < 0:
            raise DamageError(f"{display(header.name)} has a sparse map out of order")
        at = offset + size
    if at > header.size or header.size >= 1 << 63:
        raise DamageError(f"{display(header.name)} has a sparse map beyond its size")
    if sum(size for _, size in segments) != header.stored:
        raise DamageError(f"{display(header.name)} has a sparse map that does not fit its data")
