"""What is measured: containers of a real Debian, of many small files, and of one program."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LABEL = "scratchlab.benchmark"
BUSYBOX = Path("/bin/busybox")
SMALL = 4096  # bytes: the largest of the small files


@contextmanager
def debian(suite: str, mirror: str | None) -> Iterator[str]:
    """A container of a debootstrapped Debian that sleeps; gives its name."""
    with tempfile.TemporaryDirectory(prefix="scratchlab-") as directory:
        tree = f"{directory}/tree"
        words = ["debootstrap", "--variant=minbase", "--include=python3,git,perl", suite, tree]
        subprocess.run(words + ([mirror] if mirror else []), check=True, stdout=subprocess.DEVNULL)

        def pack(out: IO[bytes]) -> None:
            subprocess.run(["tar", "-C", tree, "-c", "."], stdout=out, check=True)

        with imported("debian", pack) as image, sleeping(image, "/bin/sleep") as name:
            yield name


@contextmanager
def files(count: int) -> Iterator[str]:
    """A container of ``count`` entries, small files in directories of 100, that sleeps."""

    def pack(out: IO[bytes]) -> None:
        dice = random.Random(count)
        data = dice.randbytes(1 << 20)
        with tarfile.open(fileobj=out, mode="w|") as tar:
            _add(tar, "bin/busybox", BUSYBOX.read_bytes())
            for number in range(count - count // 100):
                if number % 99 == 0:
                    directory = tarfile.TarInfo(f"d{number // 99:06d}")
                    directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(directory)
                at, size = dice.randrange(len(data) - SMALL), dice.randrange(SMALL)
                _add(tar, f"d{number // 99:06d}/f{number:07d}", data[at : at + size])

    with (
        imported(f"files-{count}", pack) as image,
        sleeping(image, "/bin/busybox", "sleep") as name,
    ):
        yield name


@contextmanager
def program() -> Iterator[str]:
    """A container FROM scratch with one static program, which sleeps."""

    def pack(out: IO[bytes]) -> None:
        with tarfile.open(fileobj=out, mode="w|") as tar:
            _add(tar, "sleep", BUSYBOX.read_bytes())

    with imported("program", pack) as image, sleeping(image, "/sleep") as name:
        yield name


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o755
    tar.addfile(member, io.BytesIO(data))


@contextmanager
def imported(tag: str, pack: Callable[[IO[bytes]], None]) -> Iterator[str]:
    """An image of what ``pack`` writes as a tar, gone after the block."""
    name = f"scratchlab-benchmark-{os.getpid()}:{tag}"
    command = ["docker", "import", "--change", f"LABEL {LABEL}={os.getpid()}", "-", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as importing:
        assert importing.stdin is not None
        writing = threading.Thread(target=pack, args=(importing.stdin,))
        writing.start()
        writing.join()
        importing.stdin.close()
    if importing.returncode:
        raise SystemExit(f"docker import of {name} failed")
    try:
        yield name
    finally:
        subprocess.run(["docker", "image", "rm", "-f", name], stdout=subprocess.DEVNULL, check=True)


@contextmanager
def sleeping(image: str, *command: str) -> Iterator[str]:
    """A container of ``image`` that runs ``command`` 100000, gone after the block."""
    name = image.replace(":", "-")
    words = ["docker", "run", "-d", "--name", name, "--network", "none", image]
    subprocess.run([*words, *command, "100000"], stdout=subprocess.DEVNULL, check=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "-f", name], stdout=subprocess.DEVNULL, check=True)
