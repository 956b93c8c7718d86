"""Image ledgers that were proved once, kept by the image's id.

An image's id is the SHA-256 of its configuration (in the containerd store: of its manifest or
index), which names its layers by theirs: what was proved to be the content of an id once is its
content for ever, whatever the engine's disk holds meanwhile. So a kept ledger says no less than
one read again; only that the engine can still give the image out is not seen. Reports tell which it
was (``image.source``), and ``verify --fresh`` reads again.

Kept by the installed program alone, in its own directory, which only root can write to and which
another version of the program has elsewhere: rules that changed never meet ledgers made by others.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import stat
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import scratchlab
from scratchlab import codec
from scratchlab.ledger import Ledger
from scratchlab.model import Image

ARCHIVE, KEPT = "archive", "kept"
INSTALLED = Path("/var/cache/scratchlab")  # where scripts/build_zipapp.py unpacks the program
_MOST = 32  # images
_MOST_BYTES = 1 << 30
_NAME = re.compile(r"[a-z]+-[0-9a-f]{64}\Z")


class Store:
    """A directory of kept ledgers: for each ``NAME.ledger`` a ``NAME.json`` that vouches for it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(
        self, engine: str, image_id: str, diff_ids: tuple[str, ...]
    ) -> tuple[Image, Ledger] | None:
        """The image and its ledger if it is kept, whole, and has these layers; otherwise None."""
        name = _name(engine, image_id)
        if name is None:
            return None
        try:
            if not _only_root_writes(self._directory):
                return None
            said = json.loads((self._directory / f"{name}.json").read_bytes())
            image = codec.decode(Image, said["image"])
            path = self._directory / f"{name}.ledger"
            if image.diff_ids != diff_ids or _sha256(path) != said["sha256"]:
                return None
            os.utime(path)  # the ones longest unused go first
            return replace(image, source=KEPT), Ledger.opened(path)
        except (OSError, ValueError, TypeError, KeyError, sqlite3.Error):
            return None

    def keep(self, engine: str, image: Image, ledger: Ledger) -> None:
        """Keep ``ledger``. It is no error if that cannot be: then it is read again next time."""
        name = _name(engine, image.id)
        if name is None:
            return
        with suppress(OSError, sqlite3.Error):
            self._directory.mkdir(mode=0o700, exist_ok=True)
            if not _only_root_writes(self._directory):
                return
            with tempfile.TemporaryDirectory(dir=self._directory, prefix=".aside-") as aside:
                fresh = Path(aside) / "ledger"
                ledger.save(fresh)
                said = {"image": codec.encode(image), "sha256": _sha256(fresh)}
                (Path(aside) / "json").write_text(json.dumps(said), encoding="ascii")
                # Between the two a reader finds a sum that does not fit, and reads again.
                os.rename(fresh, self._directory / f"{name}.ledger")
                os.rename(Path(aside) / "json", self._directory / f"{name}.json")
            self._prune()

    def _prune(self) -> None:
        ledgers = [(one.stat(), one) for one in self._directory.glob("*.ledger")]
        ledgers.sort(key=lambda one: one[0].st_mtime, reverse=True)
        size = 0
        for number, (seen, path) in enumerate(ledgers):
            size += seen.st_size
            if number and (number >= _MOST or size > _MOST_BYTES):
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink()


def store() -> Store | None:
    """The store of the program that runs; None where it is not installed, or not run by root."""
    home = Path(scratchlab.__file__).resolve().parents[1]
    if home.parent != INSTALLED or os.geteuid():
        return None
    return Store(home / "ledgers")


def _name(engine: str, image_id: str) -> str | None:
    name = f"{engine}-{image_id.removeprefix('sha256:')}"
    return name if _NAME.match(name) else None


def _only_root_writes(directory: Path) -> bool:
    seen = os.lstat(directory)
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == 0 and not seen.st_mode & 0o077


def _sha256(path: Path) -> str:
    with open(path, "rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
