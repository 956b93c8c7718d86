import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.experiments import e04_static_program

INTERP, DYNAMIC, LOAD = 3, 2, 1


def program(
    *kinds: int, bits: int = 64, order: str = "<", interpreter: bytes = b"/lib/ld.so\0"
) -> bytes:
    """A small ELF file with one program header of each kind, as elf(5) lays them out."""
    wide = bits == 64
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    header = struct.Struct(order + ("HHIQQQIHHH" if wide else "HHIIIIIHHH"))
    row = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
    start = 16 + header.size
    name_at = start + len(kinds) * row.size
    rows = b""
    for kind in kinds:
        size = len(interpreter)
        if wide:
            rows += row.pack(kind, 4, name_at, 0, 0, size, size, 1)
        else:
            rows += row.pack(kind, name_at, 0, 0, size, size, 4, 1)
    fields = header.pack(2, 62, 1, 0, start, 0, 0, start, row.size, len(kinds))
    return ident + fields + rows + interpreter


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_static_program_has_neither_header(bits: int, order: str) -> None:
    elf = e04_static_program.read_elf(io.BytesIO(program(LOAD, LOAD, bits=bits, order=order)))
    assert elf == e04_static_program.Elf(bits, "x86-64", None, False)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_interpreter_and_dynamic_section_are_found(bits: int, order: str) -> None:
    elf = e04_static_program.read_elf(
        io.BytesIO(program(LOAD, INTERP, DYNAMIC, bits=bits, order=order))
    )
    assert elf == e04_static_program.Elf(bits, "x86-64", "/lib/ld.so", True)


def test_static_pie_is_dynamic_without_an_interpreter() -> None:
    elf = e04_static_program.read_elf(io.BytesIO(program(LOAD, DYNAMIC)))
    assert (elf.interpreter, elf.dynamic) == (None, True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "nothing"),
        (b"#!/bin/sh\nexec sleep 3600\n", "23 21 2f 62"),
        (b"\x7fELF", "not an ELF file"),
        (b"\x7fELF\x07\x01" + bytes(60), "unknown class 7"),
        (program(LOAD)[:40], "ends too early"),
        (program(LOAD, INTERP)[:-4], "ends too early"),
        (program(LOAD)[:56] + b"\xff\xff" + program(LOAD)[58:], "65535 program headers"),
    ],
)
def test_invalid_elf_file_is_refused_with_a_message(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        e04_static_program.read_elf(io.BytesIO(data))


def test_interpreter_name_of_4_gib_is_refused() -> None:
    data = bytearray(program(LOAD, INTERP))
    struct.pack_into("<Q", data, 58 + 56 + 32, 1 << 32)  # p_filesz of the second header
    with pytest.raises(ValueError, match="ends too early"):
        e04_static_program.read_elf(io.BytesIO(bytes(data)))


@given(st.binary(max_size=200), st.integers(0, 120))
def test_damage_raises_nothing_but_a_value_error(damage: bytes, at: int) -> None:
    data = bytearray(program(LOAD, INTERP, DYNAMIC))
    data[at : at + len(damage)] = damage
    with contextlib.suppress(ValueError):
        e04_static_program.read_elf(io.BytesIO(bytes(data)))
