"""Containers to measure: a real Debian, many small files, and one program."""

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
    """A sleeping container of a debootstrapped Debian; yields its name."""
    with tempfile.TemporaryDirectory(prefix="scratchlab-") as directory:
        tree = f"{directory}/tree"
        command = ["debootstrap", "--variant=minbase", "--include=python3,git,perl", suite, tree]
        subprocess.run(
            command + ([mirror] if mirror else []), check=True, stdout=subprocess.DEVNULL
        )

        def pack(out: IO[bytes]) -> None:
            subprocess.run(["tar", "-C", tree, "-c", "."], stdout=out, check=True)

        with imported("debian", pack) as image, sleeping(image, "/bin/sleep") as name:
            yield name


@contextmanager
def files(count: int) -> Iterator[str]:
    """A sleeping container of ``count`` entries, small files in directories of 100."""

    def pack(out: IO[bytes]) -> None:
        rng = random.Random(count)
        data = rng.randbytes(1 << 20)
        with tarfile.open(fileobj=out, mode="w|") as tar:
            _add(tar, "bin/busybox", BUSYBOX.read_bytes())
            for number in range(count - count // 100):
                if number % 99 == 0:
                    directory = tarfile.TarInfo(f"d{number // 99:06d}")
                    directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(directory)
                at, size = rng.randrange(len(data) - SMALL), rng.randrange(SMALL)
                _add(tar, f"d{number // 99:06d}/f{number:07d}", data[at : at + size])

    with (
        imported(f"files-{count}", pack) as image,
        sleeping(image, "/bin/busybox", "sleep") as name,
    ):
        yield name


@contextmanager
def program() -> Iterator[str]:
    """A sleeping container FROM scratch with one static program."""

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
    """An image of the tar that ``pack`` writes; yields its name, and removes it afterwards."""
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
def sleeping(image: str, *command: str, name: str = "") -> Iterator[str]:
    """A container that runs ``command`` with 100000 seconds; removed afterwards. It has the name
    of the image where none is given.
    """
    name = name or image.replace(":", "-")
    run = ["docker", "run", "-d", "--name", name, "--network", "none", image]
    subprocess.run([*run, *command, "100000"], stdout=subprocess.DEVNULL, check=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "-f", name], stdout=subprocess.DEVNULL, check=True)
