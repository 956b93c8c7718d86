"""E04: a static Go program needs nothing else: proved from the file's own program headers."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import closing
from dataclasses import dataclass
from tarfile import open as open_tar
from tempfile import TemporaryFile
from typing import BinaryIO

from scratchlab.errors import LabError
from scratchlab.experiments import elf
from scratchlab.experiments.laboratory import Laboratory
from scratchlab.experiments.table import Outcome

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
    elf: elf.Elf | None
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
        facts, problem = elf.read(file), ""
    except ValueError as error:
        facts, problem = None, str(error)
    return Observation(source, built, size, digest.hexdigest(), facts, problem)


def judge(seen: Observation) -> Outcome:
    """Neither a program interpreter nor a dynamic section."""
    said = f"{seen.source}, SHA-256 {seen.sha256}"
    words = {"source": seen.source}
    if seen.elf is None:
        return Outcome(f"{said}\n{seen.problem}", fault="no-elf", words=words)
    said = f"{said}\nELF {seen.elf.bits}-bit {seen.elf.machine}, {seen.size:,} bytes"
    if seen.elf.interpreter is not None:
        words["interpreter"] = seen.elf.interpreter
        return Outcome(f"{said}, PT_INTERP {seen.elf.interpreter}", "interpreter", words=words)
    if seen.elf.dynamic:
        return Outcome(f"{said}, PT_DYNAMIC present", fault="dynamic", words=words)
    return Outcome(f"{said}, no PT_INTERP, no PT_DYNAMIC", today=("size",))
