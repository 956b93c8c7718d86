"""One room of several reports directories: ``merge_reports.py ROOM DIRECTORY...``.

For controllers that each ran the lab for their share of the machines. ROOM must not exist yet, or
be the result of an earlier merge. Of a machine that is in several directories the run that chose it
counts, and of several such runs the latest. The pages of the room are made as ``./lab`` makes them.
Exit status: 0 every machine that a run chose passed, 1 one did not, 2 nothing could be merged.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scratchlab.atomic import atomic_write
from scratchlab.classroom.records import RUN, DamagedRecordError, load_record
from scratchlab.classroom.results import MachineState
from scratchlab.classroom.seats import FILE, SCHEMA, Seat, save_seats, seats_by_host
from scratchlab.cli.classroom import build_classroom
from scratchlab.errors import LabError
from scratchlab.render.terminal import classroom
from scratchlab.text import printable, visible

FILES = ("report.json", "status.json", "history.json", "index.html")  # the others are made again
Run = Mapping[str, Any]


def merged_run(runs: Sequence[Run]) -> dict[str, Any]:
    """The ``run.json`` of all ``runs``: their machines, each once; ended when all have ended."""
    ended = [str(run.get("ended") or "") for run in runs]
    return {
        "schema": RUN,
        "merged": True,
        "started": min(str(run.get("started") or "") for run in runs),
        "ended": max(ended) if all(ended) else None,
        **{
            key: list(dict.fromkeys(name for run in runs for name in _names(run, key)))
            for key in ("hosts", "chosen", "inventory")
        },
    }


def owners(runs: Mapping[Path, Run]) -> dict[str, Path]:
    """The directory that counts for each machine: a run that chose it before one that did not,
    then the latest.
    """
    ranked: dict[str, tuple[bool, str, Path]] = {}
    for directory, run in runs.items():
        chosen = set(_names(run, "chosen"))
        for name in _names(run, "hosts"):
            rank = (name in chosen, str(run.get("started") or ""), directory)
            ranked[name] = max(ranked.get(name, rank), rank)
    return {name: directory for name, (_, _, directory) in ranked.items()}


def merge(room: Path, directories: Iterable[Path]) -> None:
    """Write the machines of ``directories`` into ``room``. Raises LabError."""
    runs = {directory: _run(directory) for directory in directories}
    if room.resolve() in {directory.resolve() for directory in runs}:
        raise LabError(f"{room} is one of the directories to merge", "name another room")
    counts = owners(runs)
    try:
        if room.exists():
            _clear(room)
        room.mkdir(exist_ok=True)
        for name, directory in counts.items():
            if name == os.path.basename(name) and not name.startswith("."):
                _copy(directory / name, room / name)
    except OSError as error:
        what = f"cannot write {room}: {error.strerror}"
        raise LabError(what, "name another directory") from error
    known: dict[str, Seat] = {}
    for directory in runs:
        # A damaged roster leaves its machines without names.
        with suppress(DamagedRecordError):
            known |= seats_by_host(load_record(str(directory / FILE), SCHEMA))
    if known:
        save_seats(str(room), list(known.values()))
    with atomic_write(str(room / "run.json"), only_files=True) as out:
        json.dump(merged_run(list(runs.values())), out, indent=1)


def _clear(room: Path) -> None:
    """Remove an earlier merge, and nothing else. Raises LabError."""
    present = sorted(item.name for item in room.iterdir())
    if present and not ("run.json" in present and _run(room).get("merged")):
        what = f"{room} is no room of an earlier merge"
        raise LabError(what, "name a directory that does not exist")
    for name in present:
        path = room / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _run(directory: Path) -> Run:
    try:
        run = load_record(str(directory / "run.json"), RUN)
    except DamagedRecordError as error:
        raise LabError(f"{directory}: {error}", "run the lab again for these machines") from error
    if run is None:
        remedy = "name the reports directory of a run"
        raise LabError(f"{visible(str(directory))} has no run.json", remedy)
    return run


def _copy(source: Path, target: Path) -> None:
    """Copy the files of one machine; what is no regular file is left out."""
    for name in FILES:
        try:
            descriptor = os.open(source / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        with open(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                target.mkdir(exist_ok=True)
                with open(target / name, "wb") as out:
                    shutil.copyfileobj(file, out)


def _names(run: Run, key: str) -> list[str]:
    value = run.get(key)
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def main(arguments: Sequence[str]) -> int:
    """Merge, make the pages and print the room. Returns the exit status."""
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print("lab: merge_reports.py ROOM DIRECTORY...", file=sys.stderr)
        return 2
    room, directories = Path(arguments[0]), [Path(name) for name in arguments[1:]]
    try:
        merge(room, directories)
        results = build_classroom(str(room))
    except LabError as error:
        print(f"lab: {printable(str(error))}", file=sys.stderr)
        return 2
    print(f"\nAll results: {room.resolve() / 'index.html'}\n")
    classroom.render(results, sys.stdout)
    chosen = [machine for machine in results.machines if machine.name in results.chosen]
    return int({machine.state for machine in chosen} != {MachineState.PASSED})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
