"""The two facts of an ELF file that make a program static, read from its program headers.

elf(5): PT_INTERP names the dynamic linker that the kernel starts instead of the program;
PT_DYNAMIC holds what that linker works on. A program without either needs nothing but a kernel.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_PT_DYNAMIC, _PT_INTERP = 2, 3
_MOST_HEADERS = 4096  # a header's count is a claim; linkers write about a dozen
_MOST_NAME = 4096  # PATH_MAX
_MACHINES = {3: "x86", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv", 22: "s390"}


@dataclass(frozen=True)
class Elf:
    """``interpreter`` is PT_INTERP's path or None; ``dynamic`` whether there is a PT_DYNAMIC."""

    bits: int
    machine: str
    interpreter: str | None
    dynamic: bool


def read(file: BinaryIO) -> Elf:
    """Read a seekable file. Raises ValueError with a sentence where it is no sound ELF file."""
    ident = file.read(16)
    if ident[:4] != b"\x7fELF" or len(ident) < 16:
        raise ValueError(f"no ELF file: it begins with {ident[:4].hex(' ') or 'nothing'}")
    if ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise ValueError(f"an ELF file of unknown class {ident[4]} or byte order {ident[5]}")
    wide, order = ident[4] == 2, "<" if ident[5] == 1 else ">"
    header = struct.Struct(order + ("HHIQQQIHHH" if wide else "HHIIIIIHHH"))
    _, machine, _, _, start, _, _, _, size, count = header.unpack(_exactly(file, header.size))
    # 32 and 64 bit order the fields of a program header differently.
    row = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
    if size < row.size or count > _MOST_HEADERS:
        raise ValueError(f"{count} program headers of {size} bytes")
    interpreter, dynamic = None, False
    for index in range(count):
        _seek(file, start + index * size)
        values = row.unpack(_exactly(file, row.size))
        kind, (offset, length) = (
            values[0],
            (values[2], values[5]) if wide else (values[1], values[4]),
        )
        if kind == _PT_DYNAMIC:
            dynamic = True
        elif kind == _PT_INTERP:
            _seek(file, offset)
            name = _exactly(file, min(length, _MOST_NAME))
            interpreter = name.rstrip(b"\0").decode("utf-8", "surrogateescape")
    return Elf(64 if wide else 32, _MACHINES.get(machine, str(machine)), interpreter, dynamic)


def _seek(file: BinaryIO, offset: int) -> None:
    try:
        file.seek(offset)
    except (OverflowError, OSError) as error:  # past what a file can be
        raise ValueError(f"an ELF file that points to byte {offset}") from error


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("an ELF file that ends too early")
    return data
