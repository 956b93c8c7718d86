"""Compressed archives and layers: each format's data in parts, with padding, broken, or a bomb."""

from __future__ import annotations

import bz2
import lzma
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchlab.collect.image.compression import decompress, detect
from scratchlab.collect.image.problems import DamageError, UnreadableError
from scratchlab.collect.image.stream import Cursor

from .archives import image, oci
from .build import gzipped, layer, zstd
from .reading import read

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzipped,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}


def pieces(data: bytes, size: int) -> Iterator[memoryview]:
    for at in range(0, len(data), size):
        yield memoryview(data[at : at + size])


def unpacked(packed: bytes, size: int = 1 << 20) -> bytes:
    cursor = Cursor(pieces(packed, size))
    name = detect(cursor.peek(512))
    assert name is not None
    return b"".join(map(bytes, decompress(name, cursor)))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(PACK)),
    st.lists(st.binary(max_size=3000), min_size=1, max_size=5),
    st.integers(1, 5000),
)
def test_parts_one_after_another_are_one(name: str, parts: list[bytes], size: int) -> None:
    packed = b"".join(map(PACK[name], parts))
    assert detect(packed) == name
    assert unpacked(packed, size) == b"".join(parts)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PACK)), st.data())
def test_broken_data_is_damage_or_data(name: str, draw: st.DataObject) -> None:
    packed = bytearray(PACK[name](bytes(range(256)) * 20))
    for _ in range(draw.draw(st.integers(1, 4))):
        packed[draw.draw(st.integers(10, len(packed) - 1))] = draw.draw(st.integers(0, 255))
    packed = packed[: draw.draw(st.integers(10, len(packed)))]
    if detect(bytes(packed)) == name:
        with suppress(DamageError):
            unpacked(bytes(packed), 100)


@pytest.mark.parametrize("name", PACK)
def test_cut_data_is_truncated_at_every_byte(name: str) -> None:
    packed = PACK[name](b"content" * 100)
    for size in range(10, len(packed)):
        with pytest.raises(DamageError, match=f"its {name} data is truncated"):
            unpacked(packed[:size], 7)


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz"])
def test_zeros_may_follow_and_nothing_else(name: str) -> None:
    packed = PACK[name](b"content")
    for size in (1, 20_000):
        assert unpacked(packed + bytes(40_000), size) == b"content"
    for more in (b"x", bytes(4096) + b"x"):
        with pytest.raises(DamageError, match=f"other data follows its {name} data"):
            unpacked(packed + more)


def test_padding_between_xz_streams_is_of_four_bytes() -> None:
    one = lzma.compress(b"one")
    assert unpacked(one + bytes(8) + one) == b"oneone"
    with pytest.raises(DamageError, match="not a multiple of four"):
        unpacked(one + bytes(6) + one)


def test_checks_of_xz_are_all_checked() -> None:
    for check in (lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256):
        assert unpacked(lzma.compress(b"content", check=check)) == b"content"


def test_xz_9_is_read_and_a_larger_dictionary_is_named() -> None:
    assert unpacked(lzma.compress(b"content", preset=9 | lzma.PRESET_EXTREME)) == b"content"
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 128 << 20}]
    packed = lzma.compress(b"content", filters=filters)
    with pytest.raises(UnreadableError, match="more than 66 MiB of memory") as caught:
        unpacked(packed)
    assert caught.value.remedy == "unpack it first: xz -dc FILE > FILE.tar"


def test_large_window_of_zstd_is_named() -> None:
    with pytest.raises(UnreadableError, match="its zstd data needs more than 64 MiB") as caught:
        unpacked(b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\x00\x00" * 50)
    assert "zstd -dc --long=31" in caught.value.remedy


@pytest.mark.parametrize("name", PACK)
def test_layers_are_read_in_each_format(name: str) -> None:
    made = image(layer(b""), layer(b""))
    found = read(oci(made, pack=PACK[name]))
    assert found.image.diff_ids == tuple(made.diff_ids)


@pytest.mark.parametrize("name", PACK)
def test_many_tiny_parts_take_linear_time(name: str) -> None:
    """What follows a part is not copied again and again."""
    packed = PACK[name](b"") * 4000
    start = time.process_time()
    assert unpacked(packed, 1 << 20) == b""
    once = time.process_time() - start
    start = time.process_time()
    assert unpacked(packed * 8, 1 << 20) == b""
    assert time.process_time() - start < 16 * once + 0.2
