"""E04: a static Go program needs nothing else, by the program headers of its file.

elf(5): PT_INTERP names the dynamic linker that the kernel starts in place of the program, and
PT_DYNAMIC holds that linker's data. A program without both needs nothing but a kernel.
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
from scratchlab.remedy import Command, Place, Remedy, Step

_PT_DYNAMIC, _PT_INTERP = 2, 3
_MOST_BYTES = 256 * 1024 * 1024  # of a program inside an image
_MOST_HEADERS = 4096  # the file states a number; linkers write about a dozen headers
_MOST_NAME = 4096  # PATH_MAX, in bytes
_MACHINES = {3: "x86", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv", 22: "s390"}


@dataclass(frozen=True)
class Elf:
    """Facts of an ELF file: ``interpreter`` is the path in PT_INTERP, ``dynamic`` a PT_DYNAMIC."""

    bits: int
    machine: str
    interpreter: str | None
    dynamic: bool


def read_elf(file: BinaryIO) -> Elf:
    """Read the headers of a seekable file. Raises ValueError if it is not a valid ELF file."""
    ident = file.read(16)
    if ident[:4] != b"\x7fELF" or len(ident) < 16:
        raise ValueError(f"not an ELF file: it begins with {ident[:4].hex(' ') or 'nothing'}")
    if ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise ValueError(f"an ELF file of unknown class {ident[4]} or byte order {ident[5]}")
    wide, order = ident[4] == 2, "<" if ident[5] == 1 else ">"
    header = struct.Struct(order + ("HHIQQQIHHH" if wide else "HHIIIIIHHH"))
    _, machine, _, _, start, _, _, _, size, count = header.unpack(_exactly(file, header.size))
    # 32-bit and 64-bit program headers have their fields in a different order.
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
    except (OverflowError, OSError) as error:  # beyond the largest possible file
        raise ValueError(f"an ELF file that points to byte {offset}") from error


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("an ELF file that ends too early")
    return data


@dataclass(frozen=True)
class Observation:
    """The program. ``source`` is where it was read, ``problem`` why it is not an ELF file.

    ``built`` is false if the file on the build machine is gone and the image's copy was read.
    """

    source: str
    built: bool
    size: int
    sha256: str
    elf: Elf | None
    problem: str


def probe(lab: Laboratory) -> Observation:
    """Read the program as it was built; if that file is gone, the copy inside the image."""
    path = lab.names.binary
    try:
        # Non-blocking: a FIFO at that path must not block the reader.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _from_image(lab)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise LabError(f"{path} is not a regular file", "build the program again")
        return _observe(file, path, built=True)


def _from_image(lab: Laboratory) -> Observation:
    # By the engine's archive API, from a container that is created and never started.
    names = lab.names
    missing = LabError(
        f"no program at {names.binary}, and no image {names.image}",
        Remedy(
            (
                Step("build it", (Command("", Place.LAB),)),
                Step("or", (Command(f"go build -o {names.binary} main.go"),)),
            )
        ),
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
        return _observe(program, f"{entrypoint[0]} of image {names.image}", built=False)


def _observe(file: BinaryIO, source: str, *, built: bool) -> Observation:
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


def judge(observation: Observation) -> ExperimentOutcome:
    """No program interpreter and no dynamic section."""
    elf, values = observation.elf, {"source": observation.source}
    observed = f"{observation.source}, SHA-256 {observation.sha256}"
    if elf is None:
        observed = f"{observed}\n{observation.problem}"
        return ExperimentOutcome(observed, fault="no-elf", placeholders=values)
    observed = f"{observed}\nELF {elf.bits}-bit {elf.machine}, {observation.size:,} bytes"
    if elf.interpreter is not None:
        observed = f"{observed}, PT_INTERP {elf.interpreter}"
        values["interpreter"] = elf.interpreter
        return ExperimentOutcome(observed, fault="interpreter", placeholders=values)
    if elf.dynamic:
        observed = f"{observed}, PT_DYNAMIC present"
        return ExperimentOutcome(observed, fault="dynamic", placeholders=values)
    return ExperimentOutcome(f"{observed}, no PT_INTERP, no PT_DYNAMIC", today=("size",))
