"""Unpack an image: make the tree of its ledger in a directory, and read it back as the proof."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import shutil
import stat
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, cast

from scratchlab.collect import live
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind

_NODE_TYPES = {Kind.FIFO: stat.S_IFIFO, Kind.CHAR: stat.S_IFCHR, Kind.BLOCK: stat.S_IFBLK}
_CHUNK = 1 << 20  # bytes


def unpack(ledger: Ledger, archive: str, directory: str) -> None:
    """Make the tree that ``ledger`` lists in ``directory``, which must not exist.

    The contents come from the image in the tar file ``archive`` and are found by SHA-256: the paths
    are the ledger's, never the archive's. Raises LabError if the tree cannot be made, and if its
    digest, read back, is not the ledger's.
    """
    try:
        _make(ledger, directory)
        wanted = _wanted(ledger)
        with tarfile.open(archive, "r:") as outer:
            for content in _contents(outer):
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
        # Tree order: a parent that was not made here could be a link to anywhere.
        if posixpath.dirname(entry.path) not in directories:
            raise LabError(f"the parent of {entry.path} is not a directory")
        path = directory + entry.path
        if entry.kind is Kind.DIRECTORY:
            os.mkdir(path)
            directories.add(entry.path)
        elif entry.kind is Kind.SYMLINK:
            os.symlink(entry.target or "", path)
        elif entry.kind in _NODE_TYPES:
            os.mknod(path, _NODE_TYPES[entry.kind] | 0o600, os.makedev(*(entry.device or (0, 0))))
        elif entry.kind is not Kind.FILE:
            raise LabError(f"{entry.path}: an archive cannot hold a {entry.kind}")


def _wanted(ledger: Ledger) -> dict[str, list[str]]:
    """The paths to write each content to, by SHA-256; of a set of hard links only the first."""
    wanted = defaultdict(list)
    for entry in ledger:
        if entry.kind is Kind.FILE and entry.links in (None, entry.path):
            wanted[entry.sha256 or ""].append(entry.path)
    return dict(wanted)


def _contents(outer: tarfile.TarFile) -> Iterator[IO[bytes]]:
    """The contents of the regular files in every layer of an image."""
    names: list[str] = []
    manifest = outer.extractfile("manifest.json")
    if manifest is not None:
        names = [name for image in json.load(manifest) for name in image["Layers"] or ()]
    for name in dict.fromkeys(names):
        layer = outer.extractfile(name)
        if layer is not None:
            with layer, tarfile.open(fileobj=layer, mode="r:*") as inner:
                yield from _regular_files(inner)


def _regular_files(tar: tarfile.TarFile) -> Iterator[IO[bytes]]:
    for member in tar:
        if member.isreg():
            yield cast(IO[bytes], tar.extractfile(member))


def _place(content: IO[bytes], wanted: dict[str, list[str]], directory: str) -> None:
    with tempfile.TemporaryFile(dir=os.path.dirname(directory)) as copy:
        digest = hashlib.sha256()
        for block in iter(lambda: content.read(_CHUNK), b""):
            digest.update(block)
            copy.write(block)
        for path in wanted.pop(digest.hexdigest(), ()):
            copy.seek(0)
            with open(directory + path, "xb") as file:
                shutil.copyfileobj(copy, file, _CHUNK)


def _finish(ledger: Ledger, directory: str) -> None:
    for entry in ledger:
        path = directory if entry.path == "/" else directory + entry.path
        if entry.links not in (None, entry.path):
            os.link(f"{directory}{entry.links}", path, follow_symlinks=False)
            continue
        _set_metadata(entry, path)


def _set_metadata(entry: Entry, path: str) -> None:
    os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if entry.kind is not Kind.SYMLINK:
        os.chmod(path, entry.mode)
    for name, value in entry.xattrs:
        os.setxattr(path, os.fsencode(name), value, follow_symlinks=False)


def _prove(ledger: Ledger, directory: str) -> None:
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with live.read_tree(fd) as unpacked:
            if unpacked.digest() != ledger.digest():
                raise LabError(f"the tree unpacked to {directory} differs from the archive")
    finally:
        os.close(fd)
