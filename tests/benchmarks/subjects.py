"""Containers to measure: a real Debian, many small files, and one program."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from machines.debian import RELEASES, make

LABEL = "scratchlab.benchmark"
BUSYBOX = Path("/bin/busybox")
SMALL = 4096  # bytes: the largest of the small files


@contextmanager
def debian() -> Iterator[str]:
    """A sleeping container of a small Debian 12 with Python, Perl and git; yields its name."""
    with tempfile.TemporaryDirectory(prefix="scratchlab-") as directory:
        file = Path(directory, "debian.tar")
        make(RELEASES["bookworm"], ("git", "perl", "python3"), file, setup=())

        def pack(out: IO[bytes]) -> None:
            with open(file, "rb") as tar:
                shutil.copyfileobj(tar, out)

        with imported("debian", pack) as image, sleeping(image, "/bin/sleep") as name:
            yield name


@contextmanager
def files(count: int, largest: int = SMALL) -> Iterator[str]:
    """A sleeping container of ``count`` entries, files in directories of 100, each of a size by
    chance up to ``largest`` bytes.
    """

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
                at, size = rng.randrange(len(data) - largest), rng.randrange(largest)
                _add(tar, f"d{number // 99:06d}/f{number:07d}", data[at : at + size])

    with (
        imported(f"files-{count}", pack) as image,
        sleeping(image, "/bin/busybox", "sleep") as name,
    ):
        yield name


@contextmanager
def layers(count: int, each: int = 50) -> Iterator[str]:
    """A sleeping container of ``count`` layers, with ``each`` small files in a layer."""
    tag = f"scratchlab-benchmark-{os.getpid()}:layers-{count}"
    with tempfile.TemporaryDirectory(prefix="scratchlab-") as directory:
        lines = ["FROM scratch", "COPY busybox /bin/busybox", f"LABEL {LABEL}={os.getpid()}"]
        Path(directory, "busybox").write_bytes(BUSYBOX.read_bytes())
        Path(directory, "busybox").chmod(0o755)
        for number in range(count - 1):
            layer = Path(directory, f"layer{number}")
            layer.mkdir()
            for file in range(each):
                (layer / f"f{file}").write_text(f"{number} {file}\n" * 100)
            lines.append(f"COPY layer{number} /layer{number}")
        Path(directory, "Dockerfile").write_text("\n".join(lines) + "\n")
        subprocess.run(["docker", "build", "-q", "-t", tag, directory], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        with sleeping(tag, "/bin/busybox", "sleep") as name:
            yield name
    finally:
        subprocess.run(["docker", "image", "rm", "-f", tag], stdout=subprocess.DEVNULL, check=True)


@contextmanager
def program(flags: Sequence[str] = (), tag: str = "program") -> Iterator[str]:
    """A sleeping container FROM scratch with one static program, run with ``flags``."""

    def pack(out: IO[bytes]) -> None:
        with tarfile.open(fileobj=out, mode="w|") as tar:
            _add(tar, "sleep", BUSYBOX.read_bytes())

    with imported(tag, pack) as image, sleeping(image, "/sleep", flags=flags) as name:
        yield name


@contextmanager
def mounts(count: int) -> Iterator[str]:
    """The same with ``count`` mounts of its user."""
    flags = [f"--tmpfs=/m/{number}:size=64k" for number in range(count)]
    with program(flags, f"mounts-{count}") as name:
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
def sleeping(image: str, *command: str, name: str = "", flags: Sequence[str] = ()) -> Iterator[str]:
    """A container that runs ``command`` with 100000 seconds; removed afterwards. It has the name
    of the image where none is given.
    """
    name = name or image.replace(":", "-")
    run = ["docker", "run", "-d", "--name", name, "--network", "none", *flags, image]
    subprocess.run([*run, *command, "100000"], stdout=subprocess.DEVNULL, check=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "-f", name], stdout=subprocess.DEVNULL, check=True)
