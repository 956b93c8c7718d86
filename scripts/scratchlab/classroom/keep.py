"""The results of a room after the class: a copy in a dated directory, which nothing removes."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from scratchlab.classroom import records
from scratchlab.errors import LabError
from scratchlab.text import visible

DIRECTORY = "results"
_OWN = "inventory/localhost.yml"  # what ./lab takes where no inventory is named
_PRIVATE_DIRECTORY, _PRIVATE_FILE = 0o700, 0o600


def is_room(reports: Path) -> bool:
    """Whether ``reports`` holds results of a room, and not only of the machine one works at."""
    try:
        run = records.load_record(str(reports / "run.json"), records.RUN) or {}
    except records.DamagedRecordError:
        return True  # what it says is not known, so it is kept
    hosts = run.get("hosts")
    several = isinstance(hosts, list) and len(hosts) > 1
    named = any(inventory != _OWN for inventory in run.get("inventory") or ())
    return (several or named) and any(reports.glob("*/status.json"))


def keep_results(reports: Path, kept: Path, now: datetime) -> Path:
    """Copy ``reports`` into a new directory below ``kept``, named after the time ``now``.

    All of it is for its owner alone, because it holds names and points; a link stays a link.
    Returns the directory. Raises LabError, and leaves nothing half made, where that is impossible.
    """
    stem = now.strftime("%Y-%m-%d-%H%M%S")
    try:
        kept.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)
        names = (stem, *(f"{stem}-{number}" for number in range(2, 100)))
        target = next(kept / name for name in names if not (kept / name).exists())
        target.mkdir(mode=_PRIVATE_DIRECTORY)
        try:
            shutil.copytree(reports, target, symlinks=True, dirs_exist_ok=True)
            target.chmod(_PRIVATE_DIRECTORY)
            for parent, directories, files in os.walk(target):
                for name in directories:
                    _hide(os.path.join(parent, name), _PRIVATE_DIRECTORY)
                for name in files:
                    _hide(os.path.join(parent, name), _PRIVATE_FILE)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    except OSError as error:  # shutil.Error is one
        reason = error.strerror or "not every file could be copied"
        raise LabError(
            f"the results of the room cannot be kept in {visible(str(kept))}: {reason}",
            "make room there, or let them go: -e lab_keep_results=false",
        ) from error
    return target


def _hide(path: str, mode: int) -> None:
    if not os.path.islink(path):
        os.chmod(path, mode)
