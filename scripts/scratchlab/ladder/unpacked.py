"""A ledger made real: its tree in a directory, every content found by its SHA-256, and proved."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import shutil
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, cast

from scratchlab.collect import live
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind

_FORMATS = {
    Kind.FIFO: 0o010000,
    Kind.CHAR: 0o020000,
    Kind.BLOCK: 0o060000,
}
_CHUNK = 1 << 20


def unpack(ledger: Ledger, archive: str, directory: str) -> None:
    """Make the tree that ``ledger`` lists in ``directory``, which must not exist.

    Contents come from the layers of the image in the tar file ``archive``. Nothing is placed where
    a name in the archive says, only where the ledger has it; the directory is read back and must
    give
    the ledger's digest. Raises LabError when it does not.
    """
    try:
        _make(ledger, directory)
        wanted = _wanted(ledger)
        with tarfile.open(archive, "r:") as outer:
            for content in _layers(outer):
                _place(content, wanted, directory)
        if missing := next(iter(wanted.values()), None):
            raise LabError(f"the archive has no content for {missing[0]}", "save the image again")
        _finish(ledger, directory)
    except (tarfile.TarError, OSError, ValueError, KeyError, EOFError) as error:
        raise LabError(f"the image cannot be unpacked to {directory}: {error}") from error
    _prove(ledger, directory)


def _make(ledger: Ledger, directory: str) -> None:
    os.mkdir(directory, mode=0o755)
    directories = {"/"}
    for entry in ledger:
        if entry.path == "/":
            continue
        # Tree order: a parent that is no directory of ours could lead anywhere.
        if posixpath.dirname(entry.path) not in directories:
            raise LabError(f"{entry.path} lies below what is no directory")
        path = directory + entry.path
        if entry.kind is Kind.DIRECTORY:
            os.mkdir(path)
            directories.add(entry.path)
        elif entry.kind is Kind.SYMLINK:
            os.symlink(entry.target or "", path)
        elif entry.kind in _FORMATS:
            os.mknod(path, _FORMATS[entry.kind] | 0o600, os.makedev(*(entry.device or (0, 0))))
        elif entry.kind is not Kind.FILE:
            raise LabError(f"{entry.path}: no archive can hold a {entry.kind}")


def _wanted(ledger: Ledger) -> dict[str, list[str]]:
    """The paths of each content, by its SHA-256; of a hard-link set only the first."""
    wanted = defaultdict(list)
    for entry in ledger:
        if entry.kind is Kind.FILE and entry.links in (None, entry.path):
            wanted[entry.sha256 or ""].append(entry.path)
    return dict(wanted)


def _layers(outer: tarfile.TarFile) -> Iterator[IO[bytes]]:
    """The contents of every layer of an image."""
    names: list[str] = []
    listing = outer.extractfile("manifest.json")
    if listing is not None:
        names = [name for one in json.load(listing) for name in one["Layers"] or ()]
    for name in dict.fromkeys(names):
        layer = outer.extractfile(name)
        if layer is not None:
            with layer, tarfile.open(fileobj=layer, mode="r:*") as inner:
                yield from _regular(inner)


def _regular(tar: tarfile.TarFile) -> Iterator[IO[bytes]]:
    for member in tar:
        if member.isreg():
            yield cast(IO[bytes], tar.extractfile(member))


def _place(content: IO[bytes], wanted: dict[str, list[str]], directory: str) -> None:
    with tempfile.TemporaryFile(dir=os.path.dirname(directory)) as held:
        digest = hashlib.sha256()
        for block in iter(lambda: content.read(_CHUNK), b""):
            digest.update(block)
            held.write(block)
        for path in wanted.pop(digest.hexdigest(), ()):
            held.seek(0)
            with open(directory + path, "xb") as file:
                shutil.copyfileobj(held, file, _CHUNK)


def _finish(ledger: Ledger, directory: str) -> None:
    for entry in ledger:
        path = directory if entry.path == "/" else directory + entry.path
        if entry.links not in (None, entry.path):
            os.link(f"{directory}{entry.links}", path, follow_symlinks=False)
            continue
        _dress(entry, path)


def _dress(entry: Entry, path: str) -> None:
    os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if entry.kind is not Kind.SYMLINK:
        os.chmod(path, entry.mode)
    for name, value in entry.xattrs:
        os.setxattr(path, os.fsencode(name), value, follow_symlinks=False)


def _prove(ledger: Ledger, directory: str) -> None:
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with live.read_tree(fd) as found:
            if found.digest() != ledger.digest():
                raise LabError(f"what was unpacked to {directory} is not what the archive holds")
    finally:
        os.close(fd)
