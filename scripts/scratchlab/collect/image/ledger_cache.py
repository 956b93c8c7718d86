"""A cache of image ledgers that were proved once, by the image's id.

An image's id is the SHA-256 of its configuration (in the containerd store: of its manifest or
index), which lists its layers by their SHA-256. So the content proved for an id never changes,
whatever the engine's disk holds meanwhile, and a cached ledger is as good as one read again. Only
whether the engine can still save the image is not checked. Reports show the source
(``image.source``), and ``verify --fresh`` reads the image again.

Only the installed program caches ledgers, in its own directory, to which only root can write.
Another version of the program has another directory, so changed rules never meet old ledgers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import scratchlab
from scratchlab import codec
from scratchlab.atomic import replacing, write_bytes
from scratchlab.ledger import Ledger
from scratchlab.model import Image

_CACHED = "kept"  # Image.source
INSTALLED = Path("/var/cache/scratchlab")  # where scripts/build_zipapp.py unpacks the program
_MOST = 32  # images
_MOST_BYTES = 1 << 30
_NAME = re.compile(r"[a-z]+-[0-9a-f]{64}\Z")


class LedgerCache:
    """For each image, a ``NAME.ledger``; in ``NAME.json`` its image, the SHA-256 of that file, and
    the ledger's digest.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(
        self, engine: str, image_id: str, diff_ids: tuple[str, ...]
    ) -> tuple[Image, Ledger] | None:
        """The image and its ledger if cached, undamaged and with these layers; else None."""
        name = _name(engine, image_id)
        if name is None:
            return None
        try:
            if not _only_root_writes(self._directory):
                return None
            record = json.loads((self._directory / f"{name}.json").read_bytes())
            image = codec.decode(Image, record["image"])
            path = self._directory / f"{name}.ledger"
            if image.diff_ids != diff_ids or _sha256(path) != record["sha256"]:
                return None
            os.utime(path)  # those unused for longest are pruned first
            ledger = Ledger.open_saved(path, str(record["digest"]))
            return replace(image, source=_CACHED), ledger
        except (OSError, ValueError, TypeError, KeyError, sqlite3.Error):
            return None

    def keep(self, engine: str, image: Image, ledger: Ledger) -> None:
        """Add ``ledger``. Failure is not an error: the image is then read again next time."""
        name = _name(engine, image.id)
        if name is None:
            return
        with suppress(OSError, sqlite3.Error):
            self._directory.mkdir(mode=0o700, exist_ok=True)
            if not _only_root_writes(self._directory):
                return
            with replacing(self._directory / f"{name}.ledger") as fresh:
                ledger.save(fresh)
                record = {
                    "image": codec.encode(image),
                    "sha256": _sha256(fresh),
                    "digest": ledger.digest(),
                }
            # Between the two, a reader finds another SHA-256, and reads the image instead.
            write_bytes(self._directory / f"{name}.json", json.dumps(record).encode())
            self._prune()

    def _prune(self) -> None:
        ledgers = [(path.stat(), path) for path in self._directory.glob("*.ledger")]
        ledgers.sort(key=lambda ledger: ledger[0].st_mtime, reverse=True)
        size = 0
        for number, (status, path) in enumerate(ledgers):
            size += status.st_size
            if number and (number >= _MOST or size > _MOST_BYTES):
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink()


def installed_cache() -> LedgerCache | None:
    """The cache of the running program; None if it is not installed or not run by root."""
    program = Path(scratchlab.__file__).resolve().parents[1]
    if program.parent != INSTALLED or os.geteuid():
        return None
    return LedgerCache(program / "ledgers")


def _name(engine: str, image_id: str) -> str | None:
    name = f"{engine}-{image_id.removeprefix('sha256:')}"
    return name if _NAME.match(name) else None


def _only_root_writes(directory: Path) -> bool:
    status = os.lstat(directory)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o077


def _sha256(path: Path) -> str:
    with open(path, "rb") as data:
        return hashlib.file_digest(data, hashlib.sha256).hexdigest()
