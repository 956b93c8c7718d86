"""The two facts of an ELF file that make a program static, read from its program headers.

elf(5): PT_INTERP names the dynamic linker that the kernel starts instead of the program;
PT_DYNAMIC holds what that linker works on. A program without either needs nothing but a kernel.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from contextlib import closing
from dataclasses import dataclass
from tarfile import open as open_tar
from tempfile import TemporaryFile
from typing import BinaryIO

from scratchlab.errors import LabError
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory

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


def read_elf(file: BinaryIO) -> Elf:
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


# E04: a static Go program needs nothing else: proved from the file's own program headers.


_MOST_BYTES = 256 * 1024 * 1024  # of a program inside an image


@dataclass(frozen=True)
class Observation:
    """The program. ``source`` says where it was read; ``problem`` why it is no ELF file.

    ``built`` is false where the file that was built is not kept, and the image's copy was read.
    """

    source: str
    built: bool
    size: int
    sha256: str
    elf: Elf | None
    problem: str


def probe(lab: Laboratory) -> Observation:
    """Read the program as it was built; where it is not kept, the one inside the image."""
    path = lab.names.binary
    try:
        # Non-blocking: a FIFO at that path must not hold the reader.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _from_image(lab)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise LabError(f"{path} is no regular file", "build the program again")
        return _read(file, path, built=True)


def _from_image(lab: Laboratory) -> Observation:
    # The engine's own archive API on a container that is created and never started.
    names = lab.names
    missing = LabError(
        f"no program at {names.binary}, and no image {names.image}",
        f"build it: ./lab, or: go build -o {names.binary} main.go",
    )
    image = lab.image(names.image)
    entrypoint = ((image or {}).get("Config") or {}).get("Entrypoint") or []
    if not entrypoint:
        raise missing
    stream, _ = lab.create(names.image).get_archive(entrypoint[0])
    with TemporaryFile() as spool, TemporaryFile() as program:
        written = 0
        for chunk in stream:
            written += len(chunk)
            if written > _MOST_BYTES:
                raise LabError(f"{entrypoint[0]} of {names.image} is larger than {_MOST_BYTES} B")
            spool.write(chunk)
        spool.seek(0)
        with open_tar(fileobj=spool) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None else None
            if file is None:
                raise missing
            with closing(file):
                while block := file.read(1 << 20):
                    program.write(block)
        program.seek(0)
        return _read(program, f"{entrypoint[0]} of image {names.image}", built=False)


def _read(file: BinaryIO, source: str, *, built: bool) -> Observation:
    digest, size = hashlib.sha256(), 0
    while block := file.read(1 << 20):
        digest.update(block)
        size += len(block)
    file.seek(0)
    try:
        facts, problem = read_elf(file), ""
    except ValueError as error:
        facts, problem = None, str(error)
    return Observation(source, built, size, digest.hexdigest(), facts, problem)


def judge(seen: Observation) -> ExperimentOutcome:
    """Neither a program interpreter nor a dynamic section."""
    said = f"{seen.source}, SHA-256 {seen.sha256}"
    words = {"source": seen.source}
    if seen.elf is None:
        return ExperimentOutcome(f"{said}\n{seen.problem}", fault="no-elf", words=words)
    said = f"{said}\nELF {seen.elf.bits}-bit {seen.elf.machine}, {seen.size:,} bytes"
    if seen.elf.interpreter is not None:
        words["interpreter"] = seen.elf.interpreter
        return ExperimentOutcome(
            f"{said}, PT_INTERP {seen.elf.interpreter}", "interpreter", words=words
        )
    if seen.elf.dynamic:
        return ExperimentOutcome(f"{said}, PT_DYNAMIC present", fault="dynamic", words=words)
    return ExperimentOutcome(f"{said}, no PT_INTERP, no PT_DYNAMIC", today=("size",))
