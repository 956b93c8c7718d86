"""Sparse files in all four formats: the content includes the holes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scratchlab.collect.image import ArchiveLimits
from scratchlab.errors import LabError
from scratchlab.model import Entry

from .build import block, checked, file, layer, number, padded, pax, sha256
from .reading import entries, paths, stack

# 10,000 bytes: hole to 1,000, "abc", hole to 5,000, 600 times "d", hole to the end.
PARTS = [(1000, b"abc"), (5000, b"d" * 600)]
SIZE = 10_000
DATA = b"".join(data for _, data in PARTS)
CONTENT = bytearray(SIZE)
for at, part in PARTS:
    CONTENT[at : at + len(part)] = part
DIGEST = sha256(bytes(CONTENT))


def old_gnu(parts: list[tuple[int, bytes]], size: int, extended: bool = False) -> bytes:
    """GNU tar's own format: four pairs in the header, 21 in each block that follows."""
    pairs = [number(at, 12) + number(len(data), 12) for at, data in parts]
    inside = 0 if extended else 4
    raw = bytearray(block(b"sparse", b"S", magic=b"ustar  \0"))
    stored = sum(len(data) for _, data in parts)
    raw[124:136] = number(stored, 12)
    raw[386:482] = b"".join(pairs[:inside]).ljust(96, b"\0")
    raw[483:495] = number(size, 12)
    rest = pairs[inside:]
    blocks = [rest[at : at + 21] for at in range(0, len(rest), 21)]
    raw[482] = bool(blocks)
    more = b"".join(
        b"".join(one).ljust(504, b"\0") + bytes([n + 1 < len(blocks)]) + bytes(7)
        for n, one in enumerate(blocks)
    )
    return checked(raw) + more + padded(b"".join(data for _, data in parts))


def pax_00(parts: list[tuple[int, bytes]], size: int) -> bytes:
    """Format 0.0: the pairs as records that repeat."""
    records = [(b"GNU.sparse.size", b"%d" % size), (b"GNU.sparse.numblocks", b"%d" % len(parts))]
    for at, data in parts:
        records += [(b"GNU.sparse.offset", b"%d" % at), (b"GNU.sparse.numbytes", b"%d" % len(data))]
    stored = b"".join(data for _, data in parts)
    return pax(records) + file("sparse", stored)


def pax_01(parts: list[tuple[int, bytes]], size: int) -> bytes:
    """Format 0.1: the pairs in one record, the name in another."""
    pairs = b",".join(b"%d,%d" % (at, len(data)) for at, data in parts)
    records = {
        b"GNU.sparse.size": b"%d" % size,
        b"GNU.sparse.numblocks": b"%d" % len(parts),
        b"GNU.sparse.map": pairs,
        b"GNU.sparse.name": b"sparse",
    }
    return pax(records) + file("GNUSparseFile.1/sparse", b"".join(data for _, data in parts))


def pax_10(parts: list[tuple[int, bytes]], size: int, lines: bytes | None = None) -> bytes:
    """Format 1.0: the pairs as lines before the data."""
    if lines is None:
        lines = b"%d\n" % len(parts)
        lines += b"".join(b"%d\n%d\n" % (at, len(data)) for at, data in parts)
    records = {
        b"GNU.sparse.major": b"1",
        b"GNU.sparse.minor": b"0",
        b"GNU.sparse.realsize": b"%d" % size,
        b"GNU.sparse.name": b"sparse",
    }
    stored = padded(lines) + b"".join(data for _, data in parts)
    return pax(records) + file("GNUSparseFile.1/sparse", stored)


FORMATS = {
    "old": old_gnu,
    "old extended": lambda parts, size: old_gnu(parts, size, extended=True),
    "0.0": pax_00,
    "0.1": pax_01,
    "1.0": pax_10,
}


def sparse(member: bytes, **options: object) -> Entry:
    """The entry of a sparse file. Another member follows it, which must be read too."""
    found = stack(layer(member, file("after", b"1")), **options)
    assert paths(found) == ["/after", "/sparse"]
    return entries(found)["/sparse"]


@pytest.mark.parametrize("name", FORMATS)
def test_content_includes_holes(name: str) -> None:
    entry = sparse(FORMATS[name](PARTS, SIZE))
    assert (entry.size, entry.sha256, entry.note) == (SIZE, DIGEST, None)


@pytest.mark.parametrize("name", FORMATS)
def test_file_that_is_one_hole(name: str) -> None:
    # GNU tar ends a map with an empty part at the size.
    for parts in ([], [(5000, b"")]):
        entry = sparse(FORMATS[name](parts, 5000))
        assert (entry.size, entry.sha256) == (5000, sha256(bytes(5000))), parts


@pytest.mark.parametrize("name", FORMATS)
def test_map_of_many_parts(name: str) -> None:
    parts = [(at * 1000, b"%04d" % at) for at in range(100)]
    content = b"".join(data + bytes(996) for _, data in parts)
    assert sparse(FORMATS[name](parts, len(content))).sha256 == sha256(content)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([(5000, b"b"), (1000, b"a")], "out of order"),
        ([(1000, b"abc"), (1002, b"x")], "out of order"),
        ([(9999, b"ab")], "beyond its size"),
        ([(1 << 62, b"ab")], "beyond its size"),
    ],
)
def test_impossible_map_is_refused(name: str, parts: list[tuple[int, bytes]], message: str) -> None:
    with pytest.raises(LabError, match=message):
        stack(layer(FORMATS[name](parts, SIZE)))


def test_map_that_does_not_fit_its_data_is_refused() -> None:
    raw = bytearray(old_gnu(PARTS, SIZE))
    raw[398:410] = number(4, 12)  # one byte more than is stored
    with pytest.raises(LabError, match="does not fit its data"):
        stack(layer(checked(raw[:512]) + bytes(raw[512:])))
    with pytest.raises(LabError, match="does not fit its data"):
        stack(layer(pax_10(PARTS, SIZE, b"1\n1000\n3\n")))


@pytest.mark.parametrize(
    "lines", [b"", b"x\n", b"-1\n", b"2\n1000\n3\n", b"99999999\n1\n", b"1\nx\n3\n", b"9" * 600]
)
def test_malformed_map_in_the_data_is_refused(lines: bytes) -> None:
    with pytest.raises(LabError, match="sparse map"):
        stack(layer(pax_10(PARTS, SIZE, lines)))


def test_map_that_claims_a_trillion_parts_is_refused() -> None:
    with pytest.raises(LabError, match="truncated or endless sparse map"):
        stack(layer(pax_10([], SIZE, b"1000000000000\n" + b"1\n" * 1000)))


def test_missing_size_is_refused() -> None:
    records = {b"GNU.sparse.map": b"0,1", b"GNU.sparse.numblocks": b"1"}
    with pytest.raises(LabError, match="is sparse but has no size"):
        stack(layer(pax(records) + file("x", b"1")))


def test_endless_old_map_is_refused() -> None:
    raw = bytearray(old_gnu([], SIZE))
    raw[482] = 1
    endless = (bytes(504) + b"\1" + bytes(7)) * 3000
    with pytest.raises(LabError, match="truncated or endless sparse map"):
        stack(layer(checked(raw[:512]) + endless))


def test_tebibytes_of_holes_are_noted_instead_of_hashed() -> None:
    entry = sparse(pax_10([(0, b"abc")], 1 << 42))
    assert (entry.size, entry.sha256) == (1 << 42, None)
    assert entry.note is not None
    assert entry.note.startswith("content not hashed: the holes of sparse files exceed 8 GiB")


def test_limit_is_for_all_holes_together() -> None:
    limits = ArchiveLimits(holes=15_000)
    first = stack(layer(pax_00(PARTS, SIZE)), limits=limits)
    assert entries(first)["/sparse"].sha256 == DIGEST
    second = stack(layer(pax_00(PARTS, SIZE)), layer(old_gnu(PARTS, SIZE)), limits=limits)
    assert entries(second)["/sparse"].note is not None


def test_sparse_files_written_by_gnu_tar(tmp_path: Path) -> None:
    """In each of its formats."""
    with open(tmp_path / "sparse", "wb") as out:
        for at, data in ((100_000, b"abc"), (3_000_000, b"d" * 9000)):
            out.seek(at)
            out.write(data)
        out.truncate(5_000_000)
    digest = sha256((tmp_path / "sparse").read_bytes())
    versions = (f"--sparse-version={version}" for version in ("0.0", "0.1", "1.0"))
    formats = [["--format=gnu"], *(["--format=pax", version] for version in versions)]
    for options in formats:
        command = ["tar", "-S", *options, "-cf", "-", "sparse"]
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
        assert len(made) < 100_000
        entry = entries(stack(made))["/sparse"]
        assert (entry.size, entry.sha256) == (5_000_000, digest), options
