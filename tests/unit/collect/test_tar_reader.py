"""Each member of a tar is found, whether the one before it was read or passed over; and damage."""

from __future__ import annotations

import tarfile

import pytest
from tests.unit.image.test_sparse import old_gnu

from scratchlab.collect.image.limits import ArchiveLimits
from scratchlab.collect.image.problems import DamageError
from scratchlab.collect.image.stream import Cursor
from scratchlab.collect.image.tar.reader import TarReader

SIZES = (0, 1, 511, 512, 513, 1024, 3)


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = fields.get("size", len(data)), kind
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


def reader(*parts: bytes, **limits: int) -> TarReader:
    return TarReader(Cursor(iter([memoryview(b"".join(parts))])), ArchiveLimits(**limits))


def content(number: int) -> bytes:
    return bytes([65 + number]) * SIZES[number]


@pytest.mark.parametrize("way", ["whole", "pieces", "not", "first piece", "every other"])
def test_every_member_is_found_however_the_others_are_read(way: str) -> None:
    found = reader(*(member(f"m{number}", content(number)) for number in range(len(SIZES))))
    names = []
    for number, header in enumerate(found):
        names.append(header.name.decode())
        if way == "whole" or (way == "every other" and number % 2):
            assert found.read_all() == content(number)
            assert found.read_all() == b""
        elif way == "pieces":
            assert b"".join(found.data()) == content(number)
            assert list(found.data()) == []
        elif way == "first piece":
            next(iter(found.data()), None)
    assert names == [f"m{number}" for number in range(len(SIZES))]
    assert found.read_all() == b""  # after the last one there is none


def test_the_padding_of_the_last_member_may_be_missing() -> None:
    found = reader(member("a", b"x"), member("b", b"y")[:513])
    assert [header.name for header in found] == [b"a", b"b"]


def test_a_global_header_is_passed_over() -> None:
    world = member("g", b"19 path=elsewhere\n", tarfile.XGLTYPE)
    assert [header.name for header in reader(world, member("a"))] == [b"a"]


def test_a_long_name_ends_with_its_first_nul() -> None:
    """The kernel takes no more of it, either."""
    long_name = member("n", b"name\0more\0", tarfile.GNUTYPE_LONGNAME)
    long_link = member("l", b"target\0more\0", tarfile.GNUTYPE_LONGLINK)
    (found,) = reader(long_name, long_link, member("a", kind=tarfile.SYMTYPE))
    assert (found.name, found.link) == (b"name", b"target")


def pass_over(found: TarReader, read: str = "") -> None:
    for _ in found:
        if read == "whole":
            found.read_all()
        elif read:
            list(found.data())


def damage(found: TarReader, *, read: str = "") -> str:
    with pytest.raises(DamageError) as raised:
        pass_over(found, read)
    return str(raised.value)


@pytest.mark.parametrize("read", ["", "whole", "pieces"])
@pytest.mark.parametrize("left", [0, 1, 511])
def test_data_that_ends_early_is_damage_of_its_member(read: str, left: int) -> None:
    cut = member("cut", b"x" * 512)[: 512 + left]
    assert damage(reader(member("whole", b"1"), cut), read=read) == "truncated in cut"


@pytest.mark.parametrize("left", [1, 511])
def test_a_header_that_ends_early_is_damage(left: int) -> None:
    assert damage(reader(member("a"), member("b")[:left])) == "truncated in a header"


def test_data_after_half_an_end_marker_is_damage() -> None:
    assert damage(reader(bytes(512), b"x")) == "data follows half an end marker"


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_an_extended_header_has_a_bound(kind: bytes) -> None:
    data = b"18 comment=abcdef\n"
    parts = (member("x", data, kind), member("a"))
    assert len(list(reader(*parts, extended_header=18))) == 1
    assert damage(reader(*parts, extended_header=17)) == (
        "an extended header claims 18 bytes, more than any engine reads"
    )
    empty = member("x", b"", kind)
    assert len(list(reader(empty, member("a"), extended_header=0))) == 1
    assert damage(reader(member("a"), parts[0][:-500])) == "truncated in x"


def test_the_map_of_a_sparse_file_has_the_same_bound() -> None:
    info = tarfile.TarInfo("s")
    kind = {"major": "1", "minor": "0", "realsize": "9"}
    info.pax_headers = {f"GNU.sparse.{name}": value for name, value in kind.items()}
    stored = b"1\n6\n3\n".ljust(512, b"\0") + b"abc"
    info.size = len(stored)
    parts = (info.tobuf(tarfile.PAX_FORMAT), stored)
    found = reader(*parts, extended_header=512)
    assert [(header.size, found.read_all()) for header in found] == [(9, b"abc")]
    sentence = "s has a truncated or endless sparse map"
    assert damage(reader(*parts, extended_header=511)) == sentence


def test_the_map_of_an_old_sparse_file_is_in_its_header() -> None:
    found = reader(old_gnu([(6, b"abc")], 9), member("after"))
    sparse = next(iter(found))
    assert (sparse.size, sparse.segments, found.read_all()) == (9, [(6, 3)], b"abc")
    assert [header.name for header in found] == [b"after"]
