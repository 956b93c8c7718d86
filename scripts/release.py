#!/usr/bin/env python3
"""``./lab release``: what is published of one commit, the same bytes on every machine.

In the directory: ``scratchlab``, the program as one file; ``scratchlab-VERSION.tar.gz``, the sdist
for pipx and pip; ``scratchlab-lab-VERSION.tar.gz``, the Ansible collection; ``SHA256SUMS``. All are
made from the commit's files alone, never from what lies beside them. Archives are written again
with sorted names, fixed owners, modes and times, and without compression: zlib's output differs
between its builds.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from scratchlab import __version__, commit
from scratchlab.atomic import write_bytes

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
SUMS = "SHA256SUMS"
BACKEND = ROOT / "requirements" / "build.txt"
_STORED = 65535  # bytes: the longest block that deflate stores (RFC 1951, 3.2.4)
_FILES, _MANIFEST = "FILES.json", "MANIFEST.json"


class ReleaseError(Exception):
    """The release cannot be made; the message has the remedy."""


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a program of this environment and return what it printed. Raises ReleaseError."""
    keep = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in keep or name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy")
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment | {"LC_ALL": "C.UTF-8"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise ReleaseError(f"{Path(command[0]).name} failed: {' '.join(last)}")
    return done.stdout


def checked_commit() -> str:
    """The commit of this checkout. Raises ReleaseError where files differ from it."""
    found = commit.of_repository(ROOT)
    if not found:
        raise ReleaseError(f"{ROOT} is not a git checkout, or git is missing: clone the repository")
    if git("status", "--porcelain", "--untracked-files=no"):
        raise ReleaseError("files differ from the commit: commit them, or git stash, and try again")
    return found.removesuffix("-modified")


def git(*arguments: str) -> str:
    """What git prints about this checkout. Raises ReleaseError."""
    return run("git", "-c", f"safe.directory={ROOT}", "-C", ROOT, *arguments, cwd=ROOT).strip()


def exported(revision: str, directory: Path) -> Path:
    """The commit's files, with the commit in a file, below ``directory``."""
    archive = directory / "commit.tar"
    git("archive", "--format=tar", f"--output={archive}", revision)
    tree = directory / "tree"
    with tarfile.open(archive) as tar:
        tar.extractall(tree, filter="tar")
    (tree / "scripts/scratchlab" / commit.FILE).write_text(f"{revision}\n", encoding="ascii")
    return tree


def stored_gzip(data: bytes) -> bytes:
    """``data`` as gzip without compression (RFC 1952), the same from every zlib."""
    out = io.BytesIO()
    out.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
    for at in range(0, len(data) or 1, _STORED):
        block = data[at : at + _STORED]
        last = at + _STORED >= len(data)
        size = len(block).to_bytes(2, "little")
        out.write(bytes([last]) + size + bytes(byte ^ 0xFF for byte in size) + block)
    out.write(zlib.crc32(data).to_bytes(4, "little"))
    out.write((len(data) & 0xFFFFFFFF).to_bytes(4, "little"))
    return out.getvalue()


def repacked(archive: bytes, seconds: int, changed: Mapping[str, bytes]) -> bytes:
    """A tar.gz again: sorted, owned by root, every time ``seconds`` since 1970; ``changed`` holds
    other contents for some of its files.
    """
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as old,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            fresh = tarfile.TarInfo(member.name)
            fresh.type, fresh.mtime, fresh.linkname = member.type, seconds, member.linkname
            fresh.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            file = old.extractfile(member) if member.isfile() else None
            data = changed.get(member.name, file.read() if file else b"")
            fresh.size = len(data) if file else 0
            new.addfile(fresh, io.BytesIO(data) if file else None)
    return stored_gzip(out.getvalue())


def program(tree: Path) -> bytes:
    """The program as one file."""
    made = tree / "build/scratchlab"
    run(
        sys.executable,
        tree / "scripts/build_zipapp.py",
        made,
        cwd=tree,
        PYTHONDONTWRITEBYTECODE="1",
    )
    return made.read_bytes()


def sdist(tree: Path, output: Path, seconds: int) -> bytes:
    """The source distribution, by the backend that requirements/build.txt pins."""
    run(
        BIN / "uv", "build", "--sdist", "--quiet", "--no-config", "--no-cache",
        "--build-constraints", BACKEND, "--require-hashes", "--out-dir", output, tree,
        cwd=tree, SOURCE_DATE_EPOCH=str(seconds),
    )  # fmt: skip
    (made,) = output.glob("*.tar.gz")
    return repacked(made.read_bytes(), seconds, {})


def collection(tree: Path, output: Path, seconds: int) -> bytes:
    """The Ansible collection, as ``./lab collection`` makes it.

    Its lists name files in the order of the disk: here they are sorted.
    """
    # A directory of its own: ansible-galaxy reads and writes below HOME.
    home = output / "home"
    home.mkdir(parents=True)
    run(
        sys.executable, tree / "scripts/collection.py", "--output", output,
        cwd=tree, HOME=str(home), ANSIBLE_LOCALHOST_WARNING="0",
    )  # fmt: skip
    (made,) = output.glob("*.tar.gz")
    data = made.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        lists = {}
        for name in (_FILES, _MANIFEST):
            file = tar.extractfile(name)
            lists[name] = json.load(file) if file else {}
    lists[_FILES]["files"].sort(key=lambda one: str(one["name"]))
    files = dumped(lists[_FILES])
    lists[_MANIFEST]["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files).hexdigest()
    return repacked(data, seconds, {_FILES: files, _MANIFEST: dumped(lists[_MANIFEST])})


def dumped(value: object) -> bytes:
    """JSON as ansible-galaxy writes it."""
    return json.dumps(value, indent=True).encode()


def release(output: Path) -> dict[str, str]:
    """Make everything in ``output``; returns the digest of each file. Raises ReleaseError."""
    revision = checked_commit()
    seconds = int(git("show", "--no-patch", "--format=%ct", revision))
    with tempfile.TemporaryDirectory(prefix="scratchlab-release-") as name:
        work = Path(name)
        tree = exported(revision, work)
        parts: dict[str, Callable[[Path], bytes]] = {
            "scratchlab": lambda _: program(tree),
            f"scratchlab-{__version__}.tar.gz": lambda place: sdist(tree, place, seconds),
            f"scratchlab-lab-{__version__}.tar.gz": lambda place: collection(tree, place, seconds),
        }
        made: dict[str, bytes] = {}
        for number, (part, make) in enumerate(parts.items(), start=1):
            print(f"release: {part} ({number} of {len(parts)})", file=sys.stderr, flush=True)
            made[part] = make(work / f"part{number}")
    digests = {part: hashlib.sha256(data).hexdigest() for part, data in made.items()}
    sums = "".join(f"{digests[part]}  {part}\n" for part in sorted(digests))
    output.mkdir(parents=True, exist_ok=True)
    for part, data in made.items():
        write_bytes(output / part, data, mode=0o755 if part == "scratchlab" else 0o644)
    write_bytes(output / SUMS, sums.encode())
    return digests


def main() -> None:
    """Run the command line: make the release and print its digests."""
    parser = argparse.ArgumentParser(
        prog="./lab release",
        description="Make program, sdist, collection and digests of this commit.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "build" / "release",
        help="the directory to write (default: build/release)",
    )
    output = parser.parse_args().output.absolute()
    try:
        digests = release(output)
    except (ReleaseError, OSError) as error:
        print(f"release: {error}", file=sys.stderr)
        sys.exit(2)
    for name, digest in sorted(digests.items()):
        print(f"{digest}  {output / name}")


if __name__ == "__main__":
    main()
